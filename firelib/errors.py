"""The one error that users see: what was wrong, where, and what to do about it."""

from collections.abc import Iterable
from difflib import get_close_matches

#: Variable that names a file: a stage that was stopped leaves it for `firelib run`.
STOPPED_FILE = "FIRELIB_STOPPED_FILE"


class FirelibError(Exception):
    """A problem that its reader can solve.

    Tests assert the three parts; the message that people read is made of them.

    Args:
        what: What is wrong, with the name and the value.
        where: The file, table, parameter or host it was found in.
        remedy: What to do about it.
    """

    exit_code: int = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        # The only positional argument: an exception is pickled as its class, `args` and `__dict__`, and Ray cannot
        # rebuild one whose constructor needs more.
        super().__init__(what)
        self.what, self.where, self.remedy = what, where, remedy

    def __str__(self) -> str:
        parts = [self.what, self.where and f"  where:  {self.where}", self.remedy and f"  remedy: {self.remedy}"]
        return "\n".join(part for part in parts if part)


class StoppedError(FirelibError):
    """Work that was told to stop and did: the same command goes on from there (75 is EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known name, else the list of all known names."""
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
