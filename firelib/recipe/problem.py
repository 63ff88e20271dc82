"""What is wrong with a recipe: all problems at once, each with its line."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from firelib.errors import FirelibError
from firelib.recipe.locations import calling_line


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a recipe.

    Attributes:
        what: The part and its value.
        remedy: What to do about it, as an imperative.
        file: The file of the recipe, or None.
        line: The line, counted from 1, or None.
    """

    what: str
    remedy: str
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}" if self.line else self.what


class InvalidRecipeError(FirelibError):
    """A recipe that cannot be used.

    Args:
        problems: What is wrong with it.
        where: The recipe.
    """

    def __init__(self, problems: Sequence[Problem], where: str) -> None:
        what, location = "\n".join(map(str, problems)), where
        if len(problems) == 1 and problems[0].line:
            what, location = problems[0].what, f"{where}, line {problems[0].line}"
        remedies = dict.fromkeys(problem.remedy for problem in problems)
        super().__init__(what, where=location, remedy="\n          ".join(remedies))
        self.problems, self._reference = tuple(problems), where

    def __reduce__(self) -> tuple[type, tuple[Sequence[Problem], str]]:
        return type(self), (self.problems, self._reference)


_collected: ContextVar[list[Problem] | None] = ContextVar("collected", default=None)


@contextmanager
def collect_problems() -> Iterator[list[Problem]]:
    """Collect the problems of all declarations in the block; the first one would otherwise hide the others."""
    problems: list[Problem] = []
    token = _collected.set(problems)
    try:
        yield problems
    finally:
        _collected.reset(token)


def refuse_declaration(error: FirelibError) -> None:
    """Raise the error of an invalid declaration, or collect it while a recipe is loaded.

    Raises:
        FirelibError: No recipe is being loaded.
    """
    problems = _collected.get()
    if problems is None:
        raise error
    file, line = calling_line() or (None, None)
    what = f"{error.where}: {error.what}" if error.where else error.what
    problems.append(Problem(what, error.remedy or "correct the recipe", file, line))
