"""Hide the project's folder in the texts of a report."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar, cast

_Value = TypeVar("_Value")


def map_texts(value: _Value, change: Callable[[str], str]) -> _Value:
    """A value in which each text is changed.

    Args:
        value: Texts, mappings, lists, tuples and dataclasses of them; all else stays, and so do `data:` URIs.
        change: Returns the text to show.
    """
    return cast("_Value", _map(value, change))


def _map(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return value if value.startswith("data:") else change(value)
    if isinstance(value, Mapping):
        return {_map(name, change): _map(member, change) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_map(member, change) for member in value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _map(getattr(value, each.name), change) for each in fields(value)})
    return value
