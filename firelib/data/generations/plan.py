"""Divide the commits of the table that grows into generations. A pure function of the list of commits.

A generation closes as soon as its rows would fill a quarter of a shard, so a commit that is added later changes the
last generation at most. Whoever makes the dataset from scratch gets the same generations as whoever made it version by
version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from firelib.data.lake import Commit, Lake
from firelib.recipe import Feature, Recipe, SplitRule, find_split_rule
from firelib.tfrecord.format.fixed_layout import FixedLayout, numpy_dtype
from firelib.tfrecord.format.framing import framed_bytes
from firelib.tfrecord.write.shard_writer import choose_layout

#: Share of `data.shard_mib` at which a generation closes.
_CLOSED = 1 / 4
_TEXT_BYTES, _BLOB_BYTES, _LIST_VALUES = 32, 16 << 10, 16  # guesses, for values without a fixed size


@dataclass(frozen=True)
class Generation:
    """A run of commits of the table that grows.

    Attributes:
        index: Index of the generation, oldest first.
        table: Name of the table; None is all rows of all tables.
        commits: The commits, oldest first.
        window: Number of earlier commits that the rows may depend on.
    """

    index: int = 0
    table: str | None = None
    commits: tuple[Commit, ...] = ()
    window: int = 0


def find_growing_table(recipe: Recipe, lake: Lake) -> str | None:
    """The table whose commits can be generations: the only one with `commit_by`."""
    growing = [name for name, source in recipe.sources.items() if source.commit_by and name in lake.tables]
    return growing[0] if len(growing) == 1 else None


def explain_single(recipe: Recipe, lake: Lake) -> str | None:
    """Why a recipe's declarations alone allow no generations; None if they do.

    Args:
        recipe: Declares sources and split.
        lake: Holds the tables.
    """
    growing = [name for name, source in recipe.sources.items() if source.commit_by and name in lake.tables]
    if not growing:
        return "no table has commit_by"
    if len(growing) > 1:
        return (
            f"{len(growing)} tables have commit_by ({', '.join(growing)}): the commits of one say nothing about others"
        )
    if find_split_rule(recipe) is SplitRule.STRATUM:
        return "strata (stratify_by) have their shares over all rows"
    return None


def plan_generations(
    table: str, commits: Sequence[Commit], row_bytes: float, shard_bytes: float, window: int = 0
) -> list[Generation]:
    """The generations of a table, oldest first.

    Args:
        table: Name of the table.
        commits: Its commits up to the version to read, oldest first.
        row_bytes: Estimated size of a row in a shard, in bytes.
        shard_bytes: Target size of a shard, in bytes.
        window: Number of earlier commits that a row may depend on.
    """
    runs: list[list[Commit]] = []
    size, before = 0.0, 0
    for commit in commits:
        if not runs or size >= shard_bytes * _CLOSED:
            runs.append([])
            size = 0.0
        runs[-1].append(commit)
        size += (commit.rows - before) * row_bytes
        before = commit.rows
    return [Generation(index, table, tuple(run), window) for index, run in enumerate(runs)]


def estimate_row_bytes(recipe: Recipe, copies: int = 1) -> float:
    """Size of a row in a shard, in bytes, from the declarations alone: exact in the fixed layout, else a guess.

    Args:
        recipe: Declares features and label.
        copies: How many times each row is in the dataset.
    """
    features = [*recipe.features, recipe.label]
    layout = choose_layout(features)
    if isinstance(layout, FixedLayout):
        return framed_bytes(layout.record_bytes) * copies
    return framed_bytes(sum(len(feature.name) + _guess_bytes(feature) for feature in features)) * copies


def _guess_bytes(feature: Feature) -> int:
    values = _LIST_VALUES if feature.ragged else prod(feature.shape)
    if feature.dtype == "string":
        return values * (feature.max_length or _TEXT_BYTES)
    return values * (_BLOB_BYTES if feature.dtype == "bytes" else int(numpy_dtype(feature).itemsize))
