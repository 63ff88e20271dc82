"""Exchange rows between partitions: the shuffle of Dask's joins and group-bys, through scratch files.

Dask's own shuffle has a task for every pair of an input and an output partition, and Ray would keep an object for each.
Here, a task writes the rows of an input partition into one file, grouped by output partition, and a task reads its
group from all files by their offsets. So the number of tasks is linear in the number of partitions, and rows stay out
of Ray's object store. Groups are joined in the order of the input partitions: the rows of a partition and their order
depend on the input only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import numpy.typing as npt
import pandas as pd
from dask.dataframe.dask_expr import new_collection
from dask.dataframe.dask_expr._expr import Expr
from dask.dataframe.dask_expr._shuffle import DiskShuffle, SimpleShuffle, TaskShuffle
from dask.dataframe.dispatch import concat

from firelib.data.frames.arrow_frames import FrameKind, to_frame, to_table
from firelib.data.scratch import scratch_file
from firelib.data.shuffle.block_files import BlockFile, read_blocks, share_schemas, write_blocks
from firelib.data.shuffle.skew import (
    GroupSizes,
    PartitionLimit,
    measure_groups,
    refuse_foreseen_skew,
    refuse_skew,
)

_SHUFFLES = (TaskShuffle, DiskShuffle)
_FORECAST = 8  # input partitions that are measured twice, where memory is tight
_LEAST_FORECAST = 64  # input partitions, from which this costs little
_NO_SIZES = GroupSizes(np.zeros(0, np.int64), None, 0)  # readers get the files without sizes, which they do not need


@dataclass(frozen=True)
class GroupedFile:
    """The rows of an input partition: a block for each output partition."""

    blocks: BlockFile
    kind: FrameKind
    sizes: GroupSizes


def exchange_through_files(frame: Any, folder: str, limit: PartitionLimit | None = None) -> Any:
    """A Dask dataframe whose shuffles go through files.

    Args:
        frame: The dataframe, whose shuffles have Dask's method `tasks`.
        folder: URI of a folder that all workers can read, and that outlives the computation.
        limit: What an output partition may have; None is no limit. If a key has more rows, a task raises an error that
            says so, before any worker reads them. Where memory is tight, a few partitions are measured at once, so that
            rows that will not fit are refused before the work begins.

    Raises:
        FirelibError: An output partition will not fit.
    """
    lowered = frame.optimize(fuse=False).expr
    while (shuffle := _find_first_shuffle(lowered)) is not None:
        lowered = lowered.substitute(shuffle, _exchange(shuffle, folder, limit).expr)
    return new_collection(lowered).optimize()


def _find_first_shuffle(expr: Expr) -> SimpleShuffle | None:
    """A shuffle that reads from no other one."""
    shuffles = expr.find_operations(_SHUFFLES)
    return min(shuffles, key=lambda shuffle: sum(1 for _ in shuffle.find_operations(_SHUFFLES)), default=None)


def _exchange(shuffle: SimpleShuffle, folder: str, limit: PartitionLimit | None) -> Any:
    grouping = {
        "column": shuffle.partitioning_index,
        "groups": shuffle.npartitions_out,
        "key": _find_key(shuffle),
    }
    inputs = new_collection(shuffle.frame)
    if limit and limit.foresee and inputs.npartitions >= _LEAST_FORECAST and not _reads_from_shuffle(shuffle):
        _refuse_early(inputs, partial(measure, **grouping), limit)
    write = partial(write_groups, folder=folder, **grouping)
    written = inputs.map_partitions(write, meta=("written", object), enforce_metadata=False)
    files = dask.delayed(share_kinds)(written.to_delayed(), limit)
    numbers = dd.from_map(_number, list(shuffle._partitions), meta=_number(0))
    return numbers.map_partitions(read_group, files, shuffle.ignore_index, meta=shuffle._meta, enforce_metadata=False)


def _reads_from_shuffle(shuffle: SimpleShuffle) -> bool:
    """Whether a shuffle needs the results of another one, which has not run yet."""
    return any(expr._name.startswith("read_group") for expr in shuffle.frame.walk())


def _refuse_early(inputs: Any, measure_partition: Any, limit: PartitionLimit) -> None:
    """Look at a few partitions before any is written: hours may pass until the last one is."""
    count = inputs.npartitions
    few = inputs.partitions[[index * count // _FORECAST for index in range(_FORECAST)]]
    sizes = few.map_partitions(measure_partition, meta=("sizes", object), enforce_metadata=False)
    assert limit.foresee
    refuse_foreseen_skew(limit.foresee(sizes.to_delayed()), count, limit)


def _find_key(shuffle: SimpleShuffle) -> list[str]:
    """The columns whose values decide the output partition, unless it is the index or an expression."""
    key = shuffle.original_partitioning_index
    names = [key] if isinstance(key, str) else key if isinstance(key, list) else []
    return [name for name in names if isinstance(name, str) and name in shuffle.frame.columns]


def _number(index: int) -> "pd.Series[int]":
    return pd.Series([index], name="partition")


def measure(rows: pd.DataFrame, column: str, groups: int, key: Sequence[str] = ()) -> GroupSizes:
    """Measure what `write_groups` would write."""
    order, edges = _group(rows, column, groups)
    return measure_groups(rows, edges, order, key, to_table(rows)[0].nbytes)


def _group(rows: pd.DataFrame, column: str, groups: int) -> tuple[npt.NDArray[np.intp], list[int]]:
    """The order of rows by output partition, and where each begins in it."""
    outputs = rows[column].to_numpy()
    order = np.argsort(outputs, kind="stable")
    return order, np.searchsorted(outputs[order], np.arange(groups + 1)).tolist()


def write_groups(rows: pd.DataFrame, column: str, groups: int, folder: str, key: Sequence[str] = ()) -> GroupedFile:
    """Write a partition.

    Args:
        rows: The rows.
        column: Column with the index of each row's output partition.
        groups: Number of output partitions.
        folder: URI of the folder to write into.
        key: The columns whose values decide the output partition.

    Raises:
        FirelibError: The disk is full.
    """
    order, edges = _group(rows, column, groups)
    table, kind = to_table(rows.take(order))
    sizes = measure_groups(rows, edges, order, key, table.nbytes)
    return GroupedFile(write_blocks(table, edges, scratch_file(folder)), kind, sizes)


def share_kinds(files: Sequence[GroupedFile], limit: PartitionLimit | None = None) -> list[GroupedFile]:
    """The files with one object for each distinct schema and kind: readers then convert equal ones together.

    Args:
        files: What `write_groups` returned for all input partitions.
        limit: What an output partition may have; None is no limit.

    Raises:
        FirelibError: An output partition has more.
    """
    if limit is not None:
        refuse_skew((file.sizes for file in files), limit)
    kinds: list[FrameKind] = []
    shared = []
    for file, blocks in zip(files, share_schemas(file.blocks for file in files), strict=True):
        known = next((kind for kind in kinds if kind == file.kind), None)
        if known is None:
            kinds.append(known := file.kind)
        shared.append(replace(file, blocks=blocks, kind=known, sizes=_NO_SIZES))
    return shared


def read_group(partition: "pd.Series[int]", files: Sequence[GroupedFile], ignore_index: bool = False) -> pd.DataFrame:
    """Read an output partition.

    Args:
        partition: Its index, in a column of one row.
        files: What `write_groups` returned for all input partitions, in their order.
        ignore_index: Whether the rows get a new index.
    """
    index = int(partition.iloc[0])
    frames = []
    for kind, run in groupby(files, key=lambda file: file.kind):
        parts = [file.blocks.select(index, index + 1) for file in run]
        frames += [to_frame(table, kind) for table in read_blocks(parts)]
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    rows: pd.DataFrame = filled[0] if len(filled) == 1 else concat(filled)
    return rows.reset_index(drop=True) if ignore_index else rows
