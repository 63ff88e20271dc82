"""The error that users see: what is wrong, where, and what to do about it."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

#: Variable that names a file: a stopped stage creates it to tell `firelib run`, since DVC hides the stage's exit code.
STOPPED_FILE = "FIRELIB_STOPPED_FILE"

# The lines with which git frames the two sides of a conflict.
_OURS, _THEIRS = (re.compile(rb"^%b{7}(?: .*)?$" % sign, re.MULTILINE) for sign in (b"<", b">"))


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


class MergeConflictError(FirelibError):
    """A file that holds both sides of a merge: no parser can read it until someone chooses."""


def find_merge_conflict(content: str | bytes, where: str) -> MergeConflictError | None:
    """Explain why a file cannot be parsed, if the cause is an unresolved merge conflict.

    Readers of files that are in git call it after their parser has failed, whose message would describe the markers as
    a mistake in the syntax.

    Args:
        content: Content of the file.
        where: The file.

    Returns:
        The error to raise; None without the markers of git.
    """
    raw = content.encode(errors="replace") if isinstance(content, str) else content
    ours = _OURS.search(raw)
    if ours is None or not _THEIRS.search(raw, ours.end()):
        return None
    line, marker = raw.count(b"\n", 0, ours.start()) + 1, ours[0].decode(errors="replace").strip()
    return MergeConflictError(
        f"line {line}: unresolved merge conflict: {marker}",
        where=where,
        remedy="keep one side with git checkout --ours FILE, or --theirs, and run firelib run, which makes again what "
        "the merge has changed; a file of your own you can also edit between <<<<<<< and >>>>>>>; then git add FILE",
    )


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
