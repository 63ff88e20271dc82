"""Skew of a shuffle: all rows of a key meet in one partition, which a worker holds in memory as a whole."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firelib.data.memory.task_memory import TaskMemory
from firelib.errors import FirelibError

_MIB = 2**20
_HEAVY = 4  # times the mean rows of an output partition, from which the most frequent key is looked for
_SURE = 1.25  # times the limit, from which a forecast refuses a shuffle


@dataclass(frozen=True)
class PartitionLimit:
    """What an output partition may have.

    Attributes:
        most_bytes: Most bytes of rows that a worker can hold in memory.
        foresee: Computes what `measure_groups` returns for a few input partitions, given as tasks; None where memory is
            so large that a look before the work begins does not pay.
    """

    most_bytes: int
    foresee: "Callable[[Sequence[Any]], Sequence[GroupSizes]] | None" = None


@dataclass(frozen=True)
class GroupSizes:
    """Rows of an input partition by output partition.

    Attributes:
        nbytes: int64 [output partitions]: estimated bytes of the rows in memory.
        heaviest: The most frequent key of the largest group, as text, and its number of rows; None without skew.
        total: Number of rows.
    """

    nbytes: npt.NDArray[np.int64]
    heaviest: tuple[str, int] | None
    total: int


def measure_groups(
    rows: pd.DataFrame, edges: Sequence[int], order: npt.NDArray[np.intp], columns: Sequence[str], nbytes: int
) -> GroupSizes:
    """Measure the groups of an input partition.

    Args:
        rows: The partition.
        edges: Where each group begins in `order`, and where the last one ends.
        order: Indices of the rows, by group.
        columns: The key.
        nbytes: Size of all rows in memory, in bytes.
    """
    counts = np.diff(edges)
    sizes = counts * nbytes // max(len(rows), 1)
    largest = int(counts.argmax())
    if counts[largest] * len(counts) <= _HEAVY * len(rows) or not columns:
        return GroupSizes(sizes, None, len(rows))
    keys = rows[list(columns)].take(order[edges[largest] : edges[largest + 1]])
    frequent = keys.value_counts(dropna=False)
    value = ", ".join(f"{name} = {part}" for name, part in zip(columns, frequent.index[0], strict=True))
    return GroupSizes(sizes, (value, int(frequent.iloc[0])), len(rows))


def refuse_skew(parts: Iterable[GroupSizes], limit: PartitionLimit) -> None:
    """Refuse a shuffle with an output partition that no worker can hold.

    Args:
        parts: What `measure_groups` returned for each input partition.
        limit: What an output partition may have.

    Raises:
        FirelibError: A partition has more. The error names the most frequent key, if one is to blame.
    """
    parts = list(parts)
    sizes = sum((part.nbytes for part in parts), np.zeros(1, np.int64))
    if sizes.max() > limit.most_bytes:
        raise _explain(parts, sizes, limit, "")


def refuse_foreseen_skew(parts: Iterable[GroupSizes], count: int, limit: PartitionLimit) -> None:
    """Refuse a shuffle, after a few input partitions, with an output partition that no worker will be able to hold.

    A key of one of them says nothing about the others, which the median leaves out; and one that most of them have may
    be absent elsewhere, which the mean counts. The smaller estimate decides.

    Args:
        parts: What `measure_groups` returned for a few input partitions, which lie evenly among all.
        count: Number of all input partitions.
        limit: What an output partition may have.

    Raises:
        FirelibError: A partition will have clearly more.
    """
    parts = list(parts)
    measured = np.array([part.nbytes for part in parts])
    sizes = (np.minimum(np.median(measured, axis=0), measured.mean(axis=0)) * count).astype(np.int64)
    if sizes.max() > _SURE * limit.most_bytes:
        raise _explain(parts, sizes, limit, f" (foreseen from {len(parts)} of {count} partitions)")


def _explain(
    parts: Sequence[GroupSizes], sizes: npt.NDArray[np.int64], limit: PartitionLimit, basis: str
) -> FirelibError:
    """The error: the largest output partition, and the most frequent key, if one is to blame."""
    counts: dict[str, int] = {}
    for part in parts:
        if part.heaviest:
            value, rows = part.heaviest
            counts[value] = counts.get(value, 0) + rows
    largest, total = int(sizes.max()), sum(part.total for part in parts)
    what = f"a shuffle gathers {largest / _MIB:,.0f} MiB of {int(sizes.sum()) / _MIB:,.0f} MiB of rows in one partition"
    what += basis
    if counts:
        value = max(counts, key=lambda each: (counts[each], each))
        what += f": key {value} has {counts[value]:,} of {total:,} rows"
    return FirelibError(
        f"{what}; a worker has memory for {limit.most_bytes / _MIB:,.0f} MiB",
        where="a join or group-by in the recipe's transform",
        remedy="drop or aggregate the rows of this key before the join or group-by, add a column to its key, make the "
        "other table one partition (repartition(npartitions=1)), which needs no shuffle, or use workers with "
        f"{TaskMemory(largest, 'one partition').nbytes / _MIB:,.0f} MiB of memory",
    )
