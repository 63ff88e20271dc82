"""Collect what is wrong with rows to score, so that one error names the first rows and the count of all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError

_MOST_ROWS = 10
_OF_PREPARE = (
    "; the recipe's prepare makes them of the raw columns: a feature is also missing if its raw column is absent, or "
    "holds text that prepare cannot read"
)
_MOST_CHARACTERS = 60  # of a value in an error


class RowProblems:
    """The problems of some rows, at most one for each feature of a row.

    Args:
        rows: Number of rows.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._broken: dict[str, npt.NDArray[np.bool_]] = {}
        self._found: list[tuple[int, str, str]] = []

    def add(self, name: str, broken: npt.ArrayLike, describe: Callable[[int], str]) -> None:
        """Add a problem that some rows have in one feature. Rows that have another problem there keep that one.

        Args:
            name: The feature.
            broken: Boolean mask of the rows.
            describe: Describes the problem of a row, given its index. It is called for the first rows only.
        """
        known = self._broken.setdefault(name, np.zeros(self.rows, bool))
        rows = np.flatnonzero(np.asarray(broken, bool) & ~known)
        self._found += [(int(row), name, describe(int(row))) for row in rows[:_MOST_ROWS]]
        known[rows] = True

    def add_row(self, name: str, row: int, problem: str) -> None:
        """Add a problem that one row has in one feature.

        Args:
            name: The feature.
            row: Index of the row.
            problem: What is wrong.
        """
        self._broken.setdefault(name, np.zeros(self.rows, bool))[row] = True
        self._found.append((row, name, problem))

    @property
    def count(self) -> int:
        """Number of rows that have a problem."""
        return int(np.any(list(self._broken.values()), axis=0).sum()) if self._found else 0

    def list_first(self) -> list[tuple[int, str, str]]:
        """(row, feature, problem) of the first ten rows that have a problem, by row."""
        if not self._found:
            return []
        bad = np.flatnonzero(np.any(list(self._broken.values()), axis=0))
        shown = set(bad[:_MOST_ROWS].tolist())
        return sorted(found for found in self._found if found[0] in shown)

    def require_none(self, where: str) -> None:
        """Refuse the rows if one of them has a problem.

        Args:
            where: Their source, for the error.

        Raises:
            FirelibError: Some rows have a problem. It describes the first ten of them, and counts all.
        """
        report = ProblemReport()
        report.add(self)
        report.require_none(where)


class ProblemReport:
    """The problems of rows that come in batches."""

    def __init__(self) -> None:
        self._rows = self._bad = 0
        self._first: list[tuple[int, str, str]] = []

    @property
    def is_empty(self) -> bool:
        """Whether no row has a problem so far."""
        return not self._bad

    def add(self, problems: RowProblems) -> None:
        """Add the problems of the next batch."""
        if self._shown_rows() < _MOST_ROWS:
            self._first += [(self._rows + row, name, text) for row, name, text in problems.list_first()]
        self._rows += problems.rows
        self._bad += problems.count

    def _shown_rows(self) -> int:
        return len({row for row, _, _ in self._first})

    def require_none(self, where: str, are_prepared: bool = False) -> None:
        """Refuse the rows if one of them has a problem.

        Args:
            where: Their source, for the error.
            are_prepared: Whether the recipe's `prepare` made the features of raw columns.

        Raises:
            FirelibError: Some rows have a problem. It describes the first ten of them, and counts all.
        """
        if self.is_empty:
            return
        shown = sorted({row for row, _, _ in self._first})[:_MOST_ROWS]
        lines = [f"row {row}: {problem}" for row, _, problem in self._first if row in shown]
        total = f"{self._bad:,} of {self._rows:,} rows are invalid"
        raise FirelibError(
            "\n".join([*lines, total]),
            where=f"the input rows ({where}); row 0 is the first",
            remedy="correct or remove these rows; firelib data show lists the features"
            + (_OF_PREPARE if are_prepared else ""),
        )


def abbreviate(value: Any) -> str:
    """The `repr` of a value, shortened."""
    text = repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
