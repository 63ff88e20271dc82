"""Assertions on the parts of an error: on its names and values, not on its wording."""

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
    """Fail unless the block raises an error whose fields contain the given values as whole words.

    Args:
        what: A file, column, key or value, or a list of them, that `error.what` must contain. A tuple in the list
            groups values that must be on the same line, since an error may name several problems.
        where: The same for `error.where`.
        remedy: The same for `error.remedy`: a command, a key or a suggested name.
        kind: The class of the error.

    Yields:
        The result of `pytest.raises`, for other assertions after the block.
    """
    __tracebackhide__ = True
    expected = {"what": _groups(what), "where": _groups(where), "remedy": _groups(remedy)}
    groups = [group for listed in expected.values() for group in listed]
    if not groups or any(not group or "" in group for group in groups):
        raise ValueError("expected a value that the error must contain, got none: any error would pass")
    with pytest.raises(kind) as caught:
        yield caught
    fields = {name: getattr(caught.value, name) for name in expected}
    lacking = [
        f"{name} lacks {' with '.join(map(repr, group))}"
        for name, listed in expected.items()
        for group in listed
        if not _contains_group(fields[name], group)
    ]
    if lacking:
        pytest.fail("\n".join([*lacking, *(f"  {name}: {text!r}" for name, text in fields.items())]))


def _groups(values: Values | None) -> list[list[str]]:
    """Convert the values to groups that must be on the same line."""
    if values is None:
        return []
    listed = values if isinstance(values, list) else [values]
    return [[str(value) for value in (group if isinstance(group, tuple) else (group,))] for group in listed]


def _contains_group(text: str | None, group: list[str]) -> bool:
    if len(group) == 1:
        return _contains(text or "", group[0])
    return any(all(_contains(line, value) for value in group) for line in (text or "").splitlines())


def _contains(text: str, value: str) -> bool:
    """Whether a text contains a value as whole words: `13` does not contain `3`, nor `days` `day`."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None
