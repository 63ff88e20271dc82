"""Explain pydantic's validation errors in the words of the file that a user wrote."""

import re
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from firelib.errors import did_you_mean

_POWER = re.compile(r"([+-]?\d+\.?\d*)[eE]([+-]?\d+)")

Location = tuple[int | str, ...]


def explain_validation_error(error: ValidationError, model: type[BaseModel]) -> str:
    """One line for each invalid field: its dotted name, the problem and the value, or the nearest known name.

    Args:
        error: What `model.model_validate` raised.
        model: The model, which tells the names that are known beside an unknown one.

    Returns:
        Lines for the `what` of a `FirelibError`, such as `train.epocs is unknown: did you mean 'epochs'?`.
    """
    return "\n".join(explain_field(detail, model) for detail in find_invalid_fields(error, model))


def find_invalid_fields(error: ValidationError, model: type[BaseModel]) -> list[ErrorDetails]:
    """The invalid fields; a missing one is left out if it is there under a misspelled name, which is named itself.

    Args:
        error: What `model.model_validate` raised.
        model: The model that was validated.
    """
    details = error.errors()
    unknown = [detail for detail in details if detail["type"] == "extra_forbidden"]
    meant = {
        (detail["loc"][:-1], did_you_mean(str(detail["loc"][-1]), _known_names(model, detail["loc"])))
        for detail in unknown
    }

    def is_misspelled(location: Location) -> bool:
        return (location[:-1], f"did you mean {location[-1]!r}?") in meant

    return [detail for detail in details if detail["type"] != "missing" or not is_misspelled(detail["loc"])]


def explain_field(detail: ErrorDetails, model: type[BaseModel]) -> str:
    """One invalid field: its dotted name, the problem and the value, or the nearest known name.

    Args:
        detail: One of `ValidationError.errors()`.
        model: The model that was validated.
    """
    name = ".".join(map(str, detail["loc"])) or "top level"
    if detail["type"] == "missing":
        return f"{name} is missing"
    if detail["type"] == "extra_forbidden":
        return f"{name} is unknown: {did_you_mean(str(detail['loc'][-1]), _known_names(model, detail['loc']))}"
    problem = f"{name}: {detail['msg'].removeprefix('Value error, ')}"
    is_section = isinstance(detail["input"], Mapping) and detail["type"] == "value_error"
    # The validator of a whole section names the values that it rejects; the section itself would fill the screen.
    return problem if is_section else f"{problem}, got {detail['input']!r}{_explain_text(detail['input'])}"


def _explain_text(value: Any) -> str:
    """Why YAML 1.1 reads a number as text: without a point or the sign of its exponent."""
    found = _POWER.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return ""
    point, sign = "" if "." in found[1] else ".0", "" if found[2][0] in "+-" else "+"
    return f", which YAML reads as text: write {found[1]}{point}e{sign}{found[2]}"


def _known_names(model: type[BaseModel], location: Location) -> Iterable[str]:
    """Names of the fields that are allowed at the location of an error."""
    annotations: list[Any] = [model]
    for part in location[:-1]:
        # An error in a tagged union has the tag in its location, which leads to no annotation of its own.
        annotations = [inner for kind in annotations for inner in _annotations_at(kind, part)] or annotations
    models = [kind for kind in annotations if _is_model(kind)]
    return [field.alias or name for kind in models for name, field in kind.model_fields.items()]


def _annotations_at(kind: Any, part: int | str) -> list[Any]:
    """Types that the field, key or index `part` of a type may have."""
    if _is_model(kind):
        return [
            inner
            for name, field in kind.model_fields.items()
            if part in (name, field.alias)
            for inner in _alternatives(field.annotation)
        ]
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
    return _alternatives(arguments[-1]) if arguments else []  # the values of a mapping, the items of a list


def _alternatives(annotation: Any) -> list[Any]:
    """The members of a union, without `Annotated`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [inner for member in get_args(annotation) for inner in _alternatives(member)]
    return [annotation]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
