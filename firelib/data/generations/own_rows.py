"""Which rows of `transform`'s table belong to the commits of a generation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firelib.data.lake import Commit
from firelib.data.streams.parts import to_json_value


@dataclass(frozen=True)
class OwnCommits:
    """The values of `commit_by` in the commits of a generation.

    Attributes:
        columns: The columns of `commit_by`.
        groups: Their values, as lake.json has them.
        windowed: Whether the rows of earlier commits are read, too, and must be left out.
    """

    columns: tuple[str, ...]
    groups: frozenset[tuple[int | str, ...]]
    windowed: bool = False

    def find(self, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Whether each row has the values of one of the commits.

        Args:
            rows: Has the columns.
        """
        numbers = rows.groupby(list(self.columns), dropna=False, sort=False).ngroup().to_numpy()
        first = np.unique(numbers, return_index=True)[1]
        distinct = zip(*(rows[column].iloc[first].tolist() for column in self.columns), strict=True)
        known = np.array([tuple(map(_to_json, values)) in self.groups for values in distinct], bool)
        return known[numbers] if len(rows) else np.zeros(0, bool)


def list_own_commits(columns: Sequence[str], commits: Sequence[Commit], windowed: bool) -> OwnCommits:
    """The values of `commit_by` in some commits.

    Args:
        columns: The columns of `commit_by`.
        commits: The commits.
        windowed: Whether the rows of earlier commits are read, too.
    """
    groups = frozenset(tuple(_select(commit.group, columns)) for commit in commits)
    return OwnCommits(tuple(columns), groups, windowed)


def _select(group: Mapping[str, int | str], columns: Sequence[str]) -> list[int | str]:
    return [group[column] for column in columns]


def _to_json(value: Any) -> int | str:
    return to_json_value(value.item() if isinstance(value, np.generic) else value)


def select_own(rows: pd.DataFrame, commits: OwnCommits | None) -> tuple[pd.DataFrame, bool]:
    """The rows of a generation, and whether some or all may belong to other commits.

    Args:
        rows: Rows that `transform` returns.
        commits: The generation's commits; None if the rows do not tell theirs.
    """
    if commits is None:
        return rows, False
    own = find_own(rows, commits)
    return (rows[own], False) if commits.windowed else (rows, not own.all())


def find_own(rows: pd.DataFrame, commits: OwnCommits) -> npt.NDArray[np.bool_]:
    """Whether each row has the values of one of some commits; none has without the columns.

    Args:
        rows: Rows that `transform` returns.
        commits: The commits.
    """
    return commits.find(rows) if set(commits.columns) <= set(rows.columns) else np.zeros(len(rows), bool)
