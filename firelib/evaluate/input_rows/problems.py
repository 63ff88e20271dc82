"""Collect what is wrong with input rows, and report a few rows with the count of all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError

_MOST_ROWS = 10
_MOST_CHARACTERS = 60  # of a value in an error


class RowProblems:
    """The problems of some rows, at most one for each feature of a row.

    Args:
        rows: Number of rows.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._broken: dict[str, npt.NDArray[np.bool_]] = {}
        self._lines: list[tuple[int, str]] = []

    def add(self, name: str, broken: npt.ArrayLike, describe: Callable[[int], str]) -> None:
        """Add a problem that some rows have in one feature. Rows that have another problem there keep that one.

        Args:
            name: The feature.
            broken: Boolean mask of the rows.
            describe: Describes the problem of a row, given its index. It is called for the first rows only.
        """
        known = self._broken.setdefault(name, np.zeros(self._rows, bool))
        rows = np.flatnonzero(np.asarray(broken, bool) & ~known)
        self._lines += [(int(row), describe(int(row))) for row in rows[:_MOST_ROWS]]
        known[rows] = True

    def add_row(self, name: str, row: int, problem: str) -> None:
        """Add a problem that one row has in one feature.

        Args:
            name: The feature.
            row: Index of the row.
            problem: What is wrong.
        """
        self._broken.setdefault(name, np.zeros(self._rows, bool))[row] = True
        self._lines.append((row, problem))

    def require_none(self, where: str) -> None:
        """Refuse the rows if one of them has a problem.

        Args:
            where: Their source, for the error.

        Raises:
            FirelibError: Some rows have a problem. It describes the first ten of them, and counts all.
        """
        if not self._lines:
            return
        bad = np.flatnonzero(np.any(list(self._broken.values()), axis=0))
        shown = set(bad[:_MOST_ROWS].tolist())
        lines = [f"row {row}: {problem}" for row, problem in sorted(self._lines) if row in shown]
        total = f"{len(bad):,} of {self._rows:,} rows are invalid"
        raise FirelibError(
            "\n".join([*lines, total]),
            where=f"the input rows ({where}); row 0 is the first",
            remedy="correct or remove these rows; firelib data show lists the features",
        )


def abbreviate(value: Any) -> str:
    """The `repr` of a value, shortened."""
    text = repr(value)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"
