"""The one error that users see: what was wrong, where, and what to do about it."""

from collections.abc import Iterable
from difflib import get_close_matches

#: Variable that names a file: a stage that was stopped leaves it for `firelib run`.
STOPPED_FILE = "FIRELIB_STOPPED_FILE"


class FirelibError(Exception):
    """A problem that its reader can solve.

    The three parts become one message, so that the exception survives pickling between Ray processes
    (Ray cannot rebuild exceptions whose constructor needs several arguments).

    Args:
        what: What is wrong, with the name and the value.
        where: The file, table, parameter or host it was found in.
        remedy: What to do about it.
    """

    exit_code: int = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        lines = [what]
        if where:
            lines.append(f"  where:  {where}")
        if remedy:
            lines.append(f"  remedy: {remedy}")
        super().__init__("\n".join(lines))


class StoppedError(FirelibError):
    """Work that was told to stop and did: the same command goes on from there (75 is EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known name, else the list of all known names."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
