"""Write one partition of rows as shards of a given size. Memory holds a slice of rows, not the partition."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.recipe import Feature
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.fixed_layout import FixedLayout
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.double_buffer import prefetch
from firelib.tfrecord.write.shard_file import Compression, ShardFile
from firelib.tfrecord.write.shard_writer import Layout, build_encoder
from firelib.tfrecord.write.statistics import Moments, compute_moments, merge_moments
from firelib.tfrecord.write.table_inputs import arrow_tables

_SLICE_ROWS = 1 << 15

#: Bytes of framed records, and the offset where each record ends.
Block = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class ShardFormat:
    """The form of a dataset's shards.

    Attributes:
        columns: The features of a record.
        layout: The layout of these features.
        shard_bytes: Size of a shard in bytes, before compression.
        compression: Compression of each file as a whole.
        fitted: The features whose statistics are computed.
    """

    columns: Sequence[Feature]
    layout: Layout
    shard_bytes: int
    compression: Compression
    fitted: Sequence[Feature] = ()


@dataclass(frozen=True)
class WrittenPartition:
    """What a partition became.

    Attributes:
        shards: The shards, under their provisional names.
        moments: Feature → moments of its values, for the features that are fitted.
    """

    shards: list[Shard]
    moments: Mapping[str, Moments]


def write_partition(data: Any, prefix: str, shard_format: ShardFormat) -> WrittenPartition:
    """Write rows as one or more shards; without rows, as one empty shard.

    A shard ends with the row that fills it, so the bytes do not depend on how rows are grouped into tables or batches.

    Args:
        data: Tables, as `arrow_tables` takes them.
        prefix: URI prefix of the files; a dot and a number follow.
        shard_format: The form of the shards.

    Returns:
        The shards, and the statistics that were asked for.
    """
    shards: list[Shard] = []
    indexed = not isinstance(shard_format.layout, FixedLayout)
    moments: dict[str, list[Moments]] = {feature.name: [] for feature in shard_format.fitted}
    blocks = prefetch(_encode(arrow_tables(data), shard_format, moments))
    rest: Block | None = next(blocks, None)
    while rest is not None or not shards:
        with ExitStack() as stack:
            file = stack.enter_context(ShardFile(f"{prefix}.{len(shards):05d}", shard_format.compression, indexed))
            while rest is not None and file.bytes < shard_format.shard_bytes:
                fitting, rest = _cut(rest, shard_format.shard_bytes - file.bytes)
                file.write(*fitting)
                rest = rest or next(blocks, None)
        shards.append(file.shard)
    return WrittenPartition(shards, {name: merge_moments(parts) for name, parts in moments.items()})


def _encode(
    tables: Iterable[pa.Table], shard_format: ShardFormat, moments: Mapping[str, list[Moments]]
) -> Iterator[Block]:
    encoder = build_encoder(shard_format.layout)
    for part in _regroup(tables) if moments else _slice(tables):
        columns = to_columns(part, shard_format.columns)
        for feature in shard_format.fitted:
            moments[feature.name].append(compute_moments(columns[feature.name], feature))
        yield from encoder.blocks(columns)


def _slice(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    for table in tables:
        for start in range(0, table.num_rows, _SLICE_ROWS):
            yield table.slice(start, _SLICE_ROWS)


def _regroup(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Slices of equal size however rows are grouped: a mean depends on the parts that it is merged from."""
    held: list[pa.Table] = []
    for part in _slice(tables):
        held.append(part)
        while sum(each.num_rows for each in held) >= _SLICE_ROWS:
            whole = pa.concat_tables(held, promote_options="permissive")
            yield whole.slice(0, _SLICE_ROWS)
            rest = whole.slice(_SLICE_ROWS)
            held = [rest] if rest.num_rows else []
    if held:
        yield pa.concat_tables(held, promote_options="permissive")


def _cut(block: Block, room: int) -> tuple[Block, Block | None]:
    """Split a block after the row that fills `room` bytes; the second part is None if nothing remains."""
    content, ends = block
    rows = int(np.searchsorted(ends, room)) + 1
    if rows >= len(ends):
        return block, None
    split = int(ends[rows - 1])
    return (content[:split], ends[:rows]), (content[split:], ends[rows:] - split)
