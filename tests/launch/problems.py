"""Problems in an error that names all of them at once, one a line."""

from collections.abc import Iterable

from firelib.errors import FirelibError


def has_problem(error: FirelibError, *parts: str) -> bool:
    """Whether one line of `error.what` names all these fields and values."""
    return find_problem(error.what.splitlines(), *parts)


def find_problem(problems: Iterable[str], *parts: str) -> bool:
    """Whether one of the problems names all these fields and values."""
    return any(all(part in line for part in parts) for line in problems)
