"""Problems in an error that reports all of them, one on each line."""

from collections.abc import Iterable

from firelib.errors import FirelibError


def has_problem(error: FirelibError, *parts: str) -> bool:
    """Return whether one line of `error.what` contains all these fields and values."""
    return find_problem(error.what.splitlines(), *parts)


def find_problem(problems: Iterable[str], *parts: str) -> bool:
    """Return whether one of the problems contains all these fields and values."""
    return any(all(part in line for part in parts) for line in problems)
