"""What the training split has in common with the validation and the test split: equal rows, groups, times.

A model that has seen a test row, or another row of its patient, in training gets better metrics than it will have on
new data. The report names what is on two sides; whether that is a leak, only a person can tell.

Each shard gives hashes of what it holds. Only hashes below a limit are kept, which leaves about `_SAMPLE` rows of any
dataset: the cost is linear in the rows, the memory bounded, and the result the same for any partitions.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.split.leakage_summary import KEYS, ROWS, TIMES
from firelib.data.split.position import HASH_SPACE, Hashes, key_hashes, mix
from firelib.recipe import SPLITS, Recipe, SplitRule, find_split_rule

_SAMPLE = 1 << 21  # rows
_HASHED = 1 << 14  # rows


@dataclass(frozen=True)
class Contents:
    """What a shard holds, as far as it is in the sample.

    Attributes:
        hashes: `ROWS`, `KEYS`, or the name of a group → distinct hashes, and the number of rows of each.
        times: Column of times → the first and the last.
    """

    hashes: dict[str, tuple[Hashes, npt.NDArray[np.int64]]] = field(default_factory=dict)
    times: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def sample_limit(rows: int) -> int:
    """The hash below which the sample's hashes are, for a dataset of so many rows."""
    return HASH_SPACE if rows <= _SAMPLE else HASH_SPACE * _SAMPLE // rows


def count_sampled(rows: int) -> int:
    """About how many rows are in the sample of a dataset of so many rows."""
    return min(rows, _SAMPLE)


def describe_contents(rows: pa.Table, columns: Mapping[str, Any], recipe: Recipe, limit: int) -> Contents:
    """What a shard holds.

    Args:
        rows: Has the key and the group.
        columns: Feature → values, as `to_columns` returns them.
        recipe: Names the features, the key and the group.
        limit: The sample's limit.
    """
    found = {ROWS: hash_features([columns[feature.name] for feature in recipe.features], rows.num_rows)}
    for name, group in _candidates(recipe).items():
        found[name] = key_hashes(rows.select(group).to_pandas(), group)
    times = {name: _find_range(rows[name]) for name in recipe.key if _is_time(rows.schema.field(name).type)}
    return Contents({name: _sample(hashes, limit) for name, hashes in found.items()}, times if rows.num_rows else {})


def _is_time(kind: pa.DataType) -> bool:
    """Whether values are dates or moments; durations and times of day have no order that a split could follow."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _candidates(recipe: Recipe) -> dict[str, list[str]]:
    """What may be a group: the declared one, else each column of the key; and the key, if its hash does not decide."""
    key = list(recipe.key)
    groups = [list(recipe.split_by)] if recipe.split_by else [[column] for column in key if len(key) > 1]
    candidates = {_name_group(group): group for group in groups}
    return candidates if find_split_rule(recipe) is SplitRule.KEY else {**candidates, KEYS: key}


def _name_group(columns: Sequence[str]) -> str:
    """The group's name in the report, which has other names, too."""
    name = ", ".join(columns)
    return f"column {name}" if name in (ROWS, KEYS, TIMES) else name


def hash_features(columns: Sequence[Any], rows: int) -> Hashes:
    """A hash of the values of all features of each row.

    Args:
        columns: Values of each feature, as `to_columns` returns them.
        rows: Number of rows.
    """
    hashes = np.zeros(rows, np.uint64)
    for column in columns:
        for word in _words(column):
            hashes = mix(hashes ^ word)
    return hashes


def _words(column: Any) -> Iterable[Hashes]:
    """The bytes of each row's value in one column, 8 at a time."""
    if not isinstance(column, np.ndarray):
        yield _hash_objects(column)
        return
    width = math.prod(column.shape[1:])
    raw = np.ascontiguousarray(column).reshape(len(column), width).view(np.uint8)
    for start in range(0, raw.shape[1], 8):
        word = np.zeros((len(raw), 8), np.uint8)
        part = raw[:, start : start + 8]
        word[:, : part.shape[1]] = part
        yield word.view(np.uint64).ravel()


def _hash_objects(column: Any) -> Hashes:
    """Hashes of values that become Python objects, some rows at a time."""
    parts = [_hash_some(column.slice(start, _HASHED).to_pylist()) for start in range(0, len(column), _HASHED)]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _hash_some(values: Sequence[Any]) -> Hashes:
    texts = np.array([value if isinstance(value, str | bytes) else repr(value) for value in values], object)
    return pd.util.hash_array(texts).astype(np.uint64)


def _sample(hashes: Hashes, limit: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
    kept = hashes if limit == HASH_SPACE else hashes[hashes < np.uint64(limit)]
    return np.unique(kept, return_counts=True)


def _find_range(times: pa.ChunkedArray) -> tuple[Any, Any]:
    extremes = pc.min_max(times).as_py()
    return extremes["min"], extremes["max"]


def report_leakage(shards: Iterable[tuple[str, Contents]], limit: int) -> dict[str, Any]:
    """What training has in common with validation and test.

    Args:
        shards: The split and the contents of each shard.
        limit: The sample's limit.

    Returns:
        `ROWS` → split → number of rows whose features a training row has, too. `KEYS`, or the columns of a group →
        split → how many of the split's distinct values training has, too, and how many there are. `TIMES` → column →
        split → first and last time, where they overlap those of training. Numbers of a sample are scaled up.
    """
    by_split: dict[str, list[Contents]] = {name: [] for name in SPLITS}
    for split, contents in shards:
        by_split[split].append(contents)
    merged = {split: merge_contents(parts) for split, parts in by_split.items()}
    scale = HASH_SPACE / limit
    report: dict[str, Any] = {}
    for name, (train, _) in merged["train"].hashes.items():
        for split in SPLITS[1:]:
            hashes, counts = merged[split].hashes.get(name, (train[:0], np.zeros(0, np.int64)))
            both = np.isin(hashes, train, assume_unique=True)
            found = counts[both].sum() if name == ROWS else both.sum()
            total = counts.sum() if name == ROWS else len(hashes)
            report.setdefault(name, {})[split] = [round(int(found) * scale), round(int(total) * scale)]
    times = _find_overlaps(merged)
    return {**report, TIMES: times} if times else report


def restrict(contents: Contents, limit: int) -> Contents:
    """A copy of the contents as far as they are in a smaller sample, without the memory of the others.

    Args:
        contents: What some shards hold.
        limit: The sample's limit.
    """
    hashes = {}
    for name, (values, counts) in contents.hashes.items():
        kept = len(values) if limit == HASH_SPACE else int(np.searchsorted(values, np.uint64(limit)))
        hashes[name] = values[:kept].copy(), counts[:kept].copy()
    return Contents(hashes, contents.times)


def merge_contents(parts: Sequence[Contents]) -> Contents:
    """What several shards hold together.

    Args:
        parts: What each of them holds.
    """
    hashes, times = {}, {}
    for name in dict.fromkeys(name for part in parts for name in part.hashes):
        found = [part.hashes[name] for part in parts if name in part.hashes]
        every = np.concatenate([each for each, _ in found])
        counts = np.concatenate([each for _, each in found])
        values, indexes = np.unique(every, return_inverse=True)
        hashes[name] = values, np.bincount(indexes, counts, len(values)).astype(np.int64)
    for name in dict.fromkeys(name for part in parts for name in part.times):
        ranges = [part.times[name] for part in parts if name in part.times]
        times[name] = min(low for low, _ in ranges), max(high for _, high in ranges)
    return Contents(hashes, times)


def _find_overlaps(merged: Mapping[str, Contents]) -> dict[str, dict[str, list[str]]]:
    overlaps: dict[str, dict[str, list[str]]] = {}
    for name, (_, last) in merged["train"].times.items():
        for split in SPLITS[1:]:
            low, high = merged[split].times.get(name, (None, None))
            if low is not None and low <= last:
                overlaps.setdefault(name, {})[split] = [str(low), str(high)]
    return overlaps
