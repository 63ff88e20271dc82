"""Assertions on the parts of an error: the names and values it tells, not how it words them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firelib.errors import FirelibError

Value = str | int | float | Path
Values = Value | list[Value | tuple[Value, ...]]


@contextmanager
def refused(
    what: Values | None = None,
    where: Values | None = None,
    remedy: Values | None = None,
    kind: type[FirelibError] = FirelibError,
) -> Iterator[pytest.ExceptionInfo[FirelibError]]:
    """Fail unless the block raises an error whose fields hold the given values as whole words.

    Args:
        what: A file, column, key or value, or a list of them, that `error.what` must name; a tuple in the list holds
            values that stand in one line, where an error names several problems.
        where: The same for `error.where`.
        remedy: The same for `error.remedy`; a command, a key or a suggested name.
        kind: The class of the error.

    Yields:
        What `pytest.raises` yields, for assertions of other kinds after the block.
    """
    __tracebackhide__ = True
    wanted = {"what": _groups(what), "where": _groups(where), "remedy": _groups(remedy)}
    groups = [group for listed in wanted.values() for group in listed]
    if not groups or any(not group or "" in group for group in groups):
        raise ValueError("name a value that the error must hold: any error would pass")
    with pytest.raises(kind) as caught:
        yield caught
    fields = {name: getattr(caught.value, name) for name in wanted}
    lacking = [
        f"{name} lacks {' with '.join(map(repr, group))}"
        for name, listed in wanted.items()
        for group in listed
        if not _holds(fields[name], group)
    ]
    if lacking:
        pytest.fail("\n".join([*lacking, *(f"  {name}: {text!r}" for name, text in fields.items())]))


def _groups(values: Values | None) -> list[list[str]]:
    """What must stand together: one value alone, or those of a tuple in one line."""
    if values is None:
        return []
    listed = values if isinstance(values, list) else [values]
    return [[str(value) for value in (group if isinstance(group, tuple) else (group,))] for group in listed]


def _holds(text: str | None, group: list[str]) -> bool:
    if len(group) == 1:
        return _names(text or "", group[0])
    return any(all(_names(line, value) for value in group) for line in (text or "").splitlines())


def _names(text: str, value: str) -> bool:
    """Whether a text holds a value as whole words: 3 is not in 13, nor `day` in `days`."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None
