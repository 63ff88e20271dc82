"""The error that users see: what is wrong, where, and what to do about it."""

from collections.abc import Iterable
from difflib import get_close_matches

#: Variable that names a file: a stopped stage creates it to tell `firelib run`, since DVC hides the stage's exit code.
STOPPED_FILE = "FIRELIB_STOPPED_FILE"


class FirelibError(Exception):
    """A problem that its reader can solve.

    The message consists of the three parts; tests assert the parts.

    Args:
        what: What is wrong: the name, the expected and the actual value. One line per problem.
        where: The file, table, parameter or host that has the problem.
        remedy: What to do about it, as an imperative.

    Example:
        >>> print(FirelibError("train.lr: expected a number, got 'fast'", where="params.yaml", remedy="set it to 0.1"))
        train.lr: expected a number, got 'fast'
          where:  params.yaml
          remedy: set it to 0.1
    """

    exit_code: int = 1

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        # An exception is pickled as its class, `args` and `__dict__`: Ray can only rebuild it if the constructor needs
        # no arguments but those in `args`.
        super().__init__(what)
        self.what, self.where, self.remedy = what, where, remedy

    @property
    def headline(self) -> str:
        """The first line of `what`, for lists of problems."""
        return self.what.partition("\n")[0]

    def __str__(self) -> str:
        parts = [self.what, self.where and f"  where:  {self.where}", self.remedy and f"  remedy: {self.remedy}"]
        return "\n".join(part for part in parts if part)


class StoppedError(FirelibError):
    """Work that stopped on request; the same command resumes it (75 is EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75


class UnreachableError(FirelibError):
    """Storage does not respond now, though it may later: no reason to give up work that can be resumed."""


class LackOfMemoryError(FirelibError):
    """Work that ended because memory did not suffice: the error says of what, and what would pass."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Suggest the closest known name, or list all known names.

    Args:
        name: The unknown name.
        known: All valid names.

    Returns:
        A hint for the `remedy` of an error.
    """
    known = sorted(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known) or 'none'}"
