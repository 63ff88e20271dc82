"""Which rows of `transform`'s table belong to the commits of a generation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firelib.data.lake import Commit
from firelib.data.parts.part import to_json_value
from firelib.errors import FirelibError

Group = tuple[int | str, ...]


@dataclass(frozen=True)
class OwnCommits:
    """The values of `commit_by` in the commits of a generation.

    Attributes:
        columns: The columns of `commit_by`.
        groups: Their values, as lake.json has them.
        earlier: Values of the commits of the window before them, whose rows are read, too, and must be left out.
    """

    columns: tuple[str, ...]
    groups: frozenset[Group]
    earlier: frozenset[Group] = frozenset()

    def find(self, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Whether each row has the values of one of the commits.

        Args:
            rows: Has the columns.
        """
        return self._find(rows, self.groups)

    def find_unknown(self, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Whether each row has values of no commit that was read.

        Args:
            rows: Has the columns.
        """
        return ~self._find(rows, self.groups | self.earlier)

    def _find(self, rows: pd.DataFrame, groups: frozenset[Group]) -> npt.NDArray[np.bool_]:
        numbers = rows.groupby(list(self.columns), dropna=False, sort=False).ngroup().to_numpy()
        first = np.unique(numbers, return_index=True)[1]
        distinct = zip(*(rows[column].iloc[first].tolist() for column in self.columns), strict=True)
        known = np.array([tuple(map(_to_json, values)) in groups for values in distinct], bool)
        return known[numbers] if len(rows) else np.zeros(0, bool)


def list_own_commits(columns: Sequence[str], commits: Sequence[Commit], earlier: Sequence[Commit] = ()) -> OwnCommits:
    """The values of `commit_by` in some commits.

    Args:
        columns: The columns of `commit_by`.
        commits: The commits.
        earlier: The commits of the window before them.
    """
    return OwnCommits(tuple(columns), _list_groups(columns, commits), _list_groups(columns, earlier))


def _list_groups(columns: Sequence[str], commits: Sequence[Commit]) -> frozenset[Group]:
    return frozenset(tuple(commit.group[column] for column in columns) for commit in commits)


def _to_json(value: Any) -> int | str:
    return to_json_value(value.item() if isinstance(value, np.generic) else value)


def select_own(rows: pd.DataFrame, commits: OwnCommits | None) -> tuple[pd.DataFrame, bool]:
    """The rows of a generation, and whether some or all may belong to other commits.

    Args:
        rows: Rows that `transform` returns.
        commits: The generation's commits; None if the rows do not tell theirs.

    Raises:
        FirelibError: With a window, a row does not tell whether it belongs to the generation.
    """
    if commits is None:
        return rows, False
    own = find_own(rows, commits)
    if not commits.earlier:
        return rows, not own.all()
    unknown = commits.find_unknown(rows)
    if unknown.any():
        values = ", ".join(f"{column}={rows[column][unknown].iloc[0]}" for column in commits.columns)
        raise FirelibError(
            f"{int(unknown.sum()):,} rows have values of commit_by of no commit that was read, such as {values}",
            where="Recipe.window, in the table that transform returns",
            remedy="keep the values of the columns of commit_by in transform, or remove window",
        )
    return rows[own], False


def find_own(rows: pd.DataFrame, commits: OwnCommits) -> npt.NDArray[np.bool_]:
    """Whether each row has the values of one of some commits; none has without the columns.

    Args:
        rows: Rows that `transform` returns.
        commits: The commits.
    """
    return commits.find(rows) if set(commits.columns) <= set(rows.columns) else np.zeros(len(rows), bool)
