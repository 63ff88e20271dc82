"""Assertions on the parts of an error: the names and values it tells, not how it words them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from firelib.errors import FirelibError

Value = str | int | float | Path
Values = Value | list[Value] | tuple[Value, ...]


@contextmanager
def refused(
    what: Values = (),
    where: Values = (),
    remedy: Values = (),
    kind: type[FirelibError] = FirelibError,
) -> Iterator[pytest.ExceptionInfo[FirelibError]]:
    """Fail unless the block raises an error whose fields hold the given values as whole words.

    Args:
        what: A file, column, key or value, or several, that `error.what` must name.
        where: The same for `error.where`.
        remedy: The same for `error.remedy`; a command, a key or a suggested name.
        kind: The class of the error.

    Yields:
        What `pytest.raises` yields, for assertions of other kinds after the block.
    """
    __tracebackhide__ = True
    wanted = {"what": _listed(what), "where": _listed(where), "remedy": _listed(remedy)}
    values = [value for listed in wanted.values() for value in listed]
    if not values or "" in values:
        raise ValueError("name a value that the error must hold: any error would pass")
    with pytest.raises(kind) as caught:
        yield caught
    fields = {name: getattr(caught.value, name) for name in wanted}
    lacking = [
        f"{name} lacks {value!r}" for name in wanted for value in wanted[name] if not _holds(fields[name], value)
    ]
    if lacking:
        pytest.fail("\n".join([*lacking, *(f"  {name}: {text!r}" for name, text in fields.items())]))


def _listed(values: Values) -> list[str]:
    return [str(value) for value in (values if isinstance(values, list | tuple) else [values])]


def _holds(text: str | None, value: str) -> bool:
    """Whole words only: 3 is not in 13, nor `day` in `days`."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text or "") is not None
