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
_WORTH_KEEPING = 0.7  # of an array: sections of a record that are read have more of what is needed
_LEADING_BITS = 22  # of a hash: a bit for several times as many hashes as the smaller splits have in the sample


@dataclass(frozen=True)
class Contents:
    """What a shard holds, as far as it is in the sample.

    Attributes:
        hashes: `ROWS`, `KEYS`, or the name of a group → distinct hashes, ascending.
        times: Column of times → the first and the last.
        counts: Number of rows of each hash of `ROWS`; None for the training split, whose rows are only looked up.
    """

    hashes: dict[str, Hashes] = field(default_factory=dict)
    times: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    counts: npt.NDArray[np.int64] | None = None


def sample_limit(rows: int) -> int:
    """The hash below which the sample's hashes are, for a dataset of so many rows."""
    return HASH_SPACE if rows <= _SAMPLE else HASH_SPACE * _SAMPLE // rows


def count_sampled(rows: int) -> int:
    """About how many rows are in the sample of a dataset of so many rows."""
    return min(rows, _SAMPLE)


def describe_contents(
    rows: pa.Table, columns: Mapping[str, Any], recipe: Recipe, limit: int, split: str = "test"
) -> Contents:
    """What a shard holds.

    Args:
        rows: Has the key and the group.
        columns: Feature → values, as `to_columns` returns them.
        recipe: Names the features, the key and the group.
        limit: The sample's limit.
        split: The split of the shard.
    """
    found = {ROWS: hash_features([columns[feature.name] for feature in recipe.features], rows.num_rows)}
    for name, group in _candidates(recipe).items():
        found[name] = key_hashes(rows.select(group).to_pandas(), group)
    times = {name: _find_range(rows[name]) for name in recipe.key if _is_time(rows.schema.field(name).type)}
    sampled = {name: _sample(hashes, limit) for name, hashes in found.items()}
    counts = sampled[ROWS][1] if split != "train" else None
    return Contents({name: each for name, (each, _) in sampled.items()}, times if rows.num_rows else {}, counts)


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
        shards: The split and the contents of each shard, which may be those of a larger sample.
        limit: The sample's limit.

    Returns:
        `ROWS` → split → number of rows whose features a training row has, too. `KEYS`, or the columns of a group →
        split → how many of the split's distinct values training has, too, and how many there are. `TIMES` → column →
        split → first and last time, where they overlap those of training. Numbers of a sample are scaled up.
    """
    by_split: dict[str, list[Contents]] = {name: [] for name in SPLITS}
    for split, contents in shards:
        by_split[split].append(_select(contents, limit))
    scale = HASH_SPACE / limit
    report: dict[str, Any] = {}
    for name in _list_names(by_split["train"]):
        hashes = {split: _list_hashes(parts, name) for split, parts in by_split.items()}
        train = _sort(_preselect(hashes["train"], [*hashes["validation"], *hashes["test"]], limit))
        for split in SPLITS[1:]:
            count = _count_rows if name == ROWS else _count_values
            report.setdefault(name, {})[split] = [
                round(number * scale) for number in count(by_split[split], name, train)
            ]
    times = _find_overlaps({split: _merge_times(parts) for split, parts in by_split.items()})
    return {**report, TIMES: times} if times else report


def _preselect(train: Sequence[Hashes], others: Sequence[Hashes], limit: int) -> list[Hashes]:
    """The hashes of training that may be among others: those whose leading bits are. Few are left to be compared.

    Args:
        train: Hashes of training.
        others: Hashes of the other splits.
        limit: The limit of all hashes.
    """
    shift = np.uint64(max((limit - 1).bit_length() - _LEADING_BITS, 0))
    known = np.zeros(1 << _LEADING_BITS, bool)
    for hashes in others:
        known[hashes >> shift] = True
    return [hashes[known[hashes >> shift]] for hashes in train]


def _count_rows(parts: Sequence[Contents], name: str, train: Hashes) -> tuple[int, int]:
    """How many rows have a hash of `train`, and how many there are. The hashes of each part are ascending already."""
    counted = [(part.hashes[name], part.counts) for part in parts if part.counts is not None]
    found = sum(int(counts[_contains(train, hashes)].sum()) for hashes, counts in counted)
    return found, sum(int(counts.sum()) for _, counts in counted)


def _count_values(parts: Sequence[Contents], name: str, train: Hashes) -> tuple[int, int]:
    """How many distinct hashes are in `train`, too, and how many there are."""
    hashes = _merge_hashes(_list_hashes(parts, name))
    return int(_contains(train, hashes).sum()), len(hashes)


def _contains(ascending: Hashes, hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Whether each hash is in an ascending array. Ascending hashes are found several times as fast as others."""
    if not len(ascending):
        return np.zeros(len(hashes), bool)
    indexes = np.searchsorted(ascending, hashes)
    found: npt.NDArray[np.bool_] = ascending[np.minimum(indexes, len(ascending) - 1)] == hashes
    return found


def restrict(contents: Contents, limit: int) -> Contents:
    """The contents as far as they are in a smaller sample, without the memory of the others.

    Args:
        contents: What some shards hold.
        limit: The sample's limit.
    """
    selected = _select(contents, limit)
    hashes = {name: _release(each, len(contents.hashes[name])) for name, each in selected.hashes.items()}
    counts = None if selected.counts is None else _release(selected.counts, len(contents.hashes[ROWS]))
    return Contents(hashes, contents.times, counts)


def _release(part: npt.NDArray[Any], whole: int) -> npt.NDArray[Any]:
    """A copy of a part, so that the memory of the whole is released; nearly all of it is worth no copy."""
    return part if len(part) > whole * _WORTH_KEEPING else part.copy()


def _select(contents: Contents, limit: int) -> Contents:
    """The contents as far as they are in a smaller sample, in the same memory."""
    kept = {name: count_below(hashes, limit) for name, hashes in contents.hashes.items()}
    counts = None if contents.counts is None else contents.counts[: kept[ROWS]]
    return Contents({name: contents.hashes[name][:count] for name, count in kept.items()}, contents.times, counts)


def count_below(hashes: Hashes, limit: int) -> int:
    """Number of hashes below a limit.

    Args:
        hashes: The hashes, ascending.
        limit: The limit.
    """
    return len(hashes) if limit == HASH_SPACE else int(np.searchsorted(hashes, np.uint64(limit)))


def merge_contents(parts: Sequence[Contents]) -> Contents:
    """What several shards of a split hold together.

    Args:
        parts: What each of them holds.
    """
    hashes = {name: _merge_hashes(_list_hashes(parts, name)) for name in _list_names(parts)}
    return Contents(hashes, _merge_times(parts), _merge_counts(hashes.get(ROWS), parts))


def _list_names(parts: Iterable[Contents]) -> list[str]:
    return list(dict.fromkeys(name for part in parts for name in part.hashes))


def _list_hashes(parts: Iterable[Contents], name: str) -> list[Hashes]:
    return [part.hashes[name] for part in parts if name in part.hashes] or [np.zeros(0, np.uint64)]


def _merge_hashes(parts: Sequence[Hashes]) -> Hashes:
    """The distinct hashes of all parts, ascending."""
    if len(parts) == 1:
        return parts[0]
    every = _sort(parts)
    distinct: Hashes = every[np.append(True, every[1:] != every[:-1])[: len(every)]]
    return distinct


def _sort(parts: Sequence[Hashes]) -> Hashes:
    """The hashes of all parts, ascending. Those of a part are, and a stable sort merges parts instead of sorting."""
    return np.sort(np.concatenate(parts), kind="stable")


def _merge_counts(hashes: Hashes | None, parts: Sequence[Contents]) -> npt.NDArray[np.int64] | None:
    """The number of rows of each of the merged hashes of `ROWS`."""
    counted = [(part.hashes[ROWS], part.counts) for part in parts if part.counts is not None]
    if hashes is None or not counted:
        return None
    indexes = np.searchsorted(hashes, np.concatenate([each for each, _ in counted]))
    return np.bincount(indexes, np.concatenate([counts for _, counts in counted]), len(hashes)).astype(np.int64)


def _merge_times(parts: Sequence[Contents]) -> dict[str, tuple[Any, Any]]:
    times = {}
    for name in dict.fromkeys(name for part in parts for name in part.times):
        ranges = [part.times[name] for part in parts if name in part.times]
        times[name] = min(low for low, _ in ranges), max(high for _, high in ranges)
    return times


def _find_overlaps(times: Mapping[str, Mapping[str, tuple[Any, Any]]]) -> dict[str, dict[str, list[str]]]:
    overlaps: dict[str, dict[str, list[str]]] = {}
    for name, (_, last) in times["train"].items():
        for split in SPLITS[1:]:
            low, high = times[split].get(name, (None, None))
            if low is not None and low <= last:
                overlaps.setdefault(name, {})[split] = [str(low), str(high)]
    return overlaps
