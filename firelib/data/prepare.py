"""First pass of the transform: validate a partition and write it to scratch storage, sorted by position."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from firelib import config
from firelib.data.generations.key_files import KeyFile, write_keys
from firelib.data.generations.own_rows import OwnCommits, select_own
from firelib.data.row_validation import validate_rows
from firelib.data.scratch import scratch_file
from firelib.data.shuffle.sorted_files import SortedFile, read_sorted, write_sorted
from firelib.data.split.assignment import Assignment, assign_splits
from firelib.data.split.position import HASH, Hashes, HashRange, compute_hashes, find_ranges, key_hashes, place_in_split
from firelib.data.split.strata import Cuts, Strata, collect_strata, move_rows
from firelib.recipe import Recipe, SplitRule, find_split_rule, split_columns
from firelib.tfrecord.format.fixed_layout import has_fixed_layout
from firelib.tfrecord.write.record_size import count_record_bytes

_NO_SPLIT = config.Split()
_MOST_GROUPS = 1000  # whose rows are counted in a partition


@dataclass(frozen=True)
class PreparedPartition:
    """Result of the first pass over one partition.

    Attributes:
        rows: Number of rows before any exclusion.
        excluded: Reason → number of rows that the recipe excludes.
        set_aside: Rows that break a declaration, with the reason.
        splits: Split → number of valid rows.
        nbytes: Size of the valid rows in memory, in bytes.
        record_bytes: Approximate size of their records, in bytes, if these have no fixed size.
        file: The valid rows; None if there are problems.
        problems: What is wrong with the columns that decide the split → number of rows.
        groups: Hash of a group → number of rows, of the largest groups, if groups decide the split.
        times: The first and the last time, if times decide the split.
        strata: Hashes of the rows of each stratum, if the recipe has strata.
        keys: The file with the hashes of the keys, if generations may share keys.
        strays: Whether rows have other values of `commit_by` than the generation's commits.
    """

    rows: int
    excluded: Counter[str]
    set_aside: pa.Table
    splits: Counter[str]
    nbytes: int = 0
    record_bytes: int = 0
    file: SortedFile | None = None
    problems: Counter[str] = field(default_factory=Counter)
    groups: Counter[int] = field(default_factory=Counter)
    times: tuple[Any, ...] = ()
    strata: Strata = field(default_factory=dict)
    keys: KeyFile | None = None
    strays: bool = False


@dataclass(frozen=True)
class Membership:
    """What the first pass has to know about the generation of its rows.

    Attributes:
        commits: The generation's commits, if the rows tell theirs.
        keys: URI of the folder for the hashes of the keys, if generations may share keys.
    """

    commits: OwnCommits | None = None
    keys: str | None = None


_ALONE = Membership()


def prepare_partition(
    rows: pd.DataFrame,
    recipe: Recipe,
    ranges: Mapping[str, HashRange],
    folder: str,
    split: config.Split = _NO_SPLIT,
    membership: Membership = _ALONE,
) -> PreparedPartition:
    """Validate the rows of one partition, and write the valid ones sorted by position.

    Args:
        rows: Rows that the recipe's `transform` returns.
        recipe: Names key, features and label, and what decides the split.
        ranges: Split → its range of positions.
        folder: URI of the folder to write into.
        split: Shares of the splits or cut dates, unless the hash of the key decides, or the recipe's test rows.
        membership: The generation of the rows.

    Raises:
        FirelibError: The rows do not have the declared columns and types, or the disk is full.
    """
    rows, strays = select_own(rows, membership.commits)
    validated = validate_rows(rows, recipe)
    identity = validated.valid.select(list(dict.fromkeys([*recipe.key, *split_columns(recipe)])))
    positions, assigned = compute_positions(identity, recipe, split)
    if assigned and assigned.problems:
        return PreparedPartition(
            len(rows), validated.excluded, validated.set_aside, Counter(), problems=assigned.problems
        )
    file = write_sorted(validated.valid.select(_kept_columns(recipe)), positions, scratch_file(folder))
    return PreparedPartition(
        len(rows),
        validated.excluded,
        validated.set_aside,
        count_splits(positions, ranges),
        validated.valid.select(_sample_columns(recipe)).nbytes + positions.nbytes,
        _count_record_bytes(validated.valid, recipe),
        file,
        groups=_count_groups(assigned),
        times=_find_range(identity[recipe.split_time]) if recipe.split_time else (),
        strata=collect_strata(identity, recipe) if recipe.stratify_by else {},
        keys=write_keys(identity.to_pandas(), recipe.key, membership.keys) if membership.keys else None,
        strays=strays,
    )


def apply_cuts(
    file: SortedFile, recipe: Recipe, split: config.Split, cuts: Cuts, ranges: Mapping[str, HashRange], folder: str
) -> tuple[SortedFile, Counter[str]]:
    """Move the rows of small strata of a partition, so that each stratum has the declared shares.

    Args:
        file: What `prepare_partition` wrote.
        recipe: Names the strata.
        split: Shares of the splits.
        cuts: Strata → cuts that differ from the declared ones.
        ranges: Split → its range of positions.
        folder: URI of the folder to write into.

    Returns:
        The new file; and split → number of rows.
    """
    rows = read_sorted([file.blocks.select(0, len(file.first))])
    positions = move_rows(rows, recipe, split, cuts)
    moved = write_sorted(rows.drop_columns([HASH]), positions, scratch_file(folder))
    return moved, count_splits(positions, ranges)


def count_splits(positions: Hashes, ranges: Mapping[str, HashRange]) -> Counter[str]:
    """Split → number of rows.

    Args:
        positions: The position of each row.
        ranges: Split → its range of positions.
    """
    which = find_ranges(positions, ranges)
    return Counter({split: int((which == index).sum()) for index, split in enumerate(ranges)})


def _count_record_bytes(rows: pa.Table, recipe: Recipe) -> int:
    features = [*recipe.features, recipe.label]
    return 0 if has_fixed_layout(features) else count_record_bytes(rows, features)


def _sample_columns(recipe: Recipe) -> list[str]:
    return list(dict.fromkeys([*recipe.key, *(feature.name for feature in recipe.features), recipe.label.name]))


def _kept_columns(recipe: Recipe) -> list[str]:
    """Columns of a sample, and those that the report on leakage and the strata need."""
    decided = [*recipe.split_by, *recipe.stratify_by]
    return list(dict.fromkeys([*_sample_columns(recipe), *decided]))


def compute_positions(rows: pa.Table, recipe: Recipe, split: config.Split) -> tuple[Hashes, Assignment | None]:
    """The position of each row.

    Args:
        rows: Has the key and the columns that decide the split.
        recipe: Selects the rule.
        split: Shares of the splits, or cut dates.

    Returns:
        The positions; and the splits, unless the positions decide them (hash of the key, test rows).
    """
    if find_split_rule(recipe) in (SplitRule.KEY, SplitRule.TEST_ROWS):
        return compute_hashes(rows.to_pandas(), recipe.key, recipe.test_rows), None
    hashes = key_hashes(rows.to_pandas(), recipe.key)
    assigned = assign_splits(rows, recipe, split)
    return place_in_split(hashes, assigned.splits), assigned


def _count_groups(assigned: Assignment | None) -> Counter[int]:
    if assigned is None or assigned.groups is None:
        return Counter()
    groups, counts = np.unique(assigned.groups, return_counts=True)
    return Counter(dict(Counter(dict(zip(groups.tolist(), counts.tolist(), strict=True))).most_common(_MOST_GROUPS)))


def _find_range(times: pa.ChunkedArray) -> tuple[Any, ...]:
    extremes = pc.min_max(times).as_py()
    return (extremes["min"], extremes["max"]) if times.length() else ()
