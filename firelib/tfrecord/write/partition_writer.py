"""Write one partition of rows as shards of a given size. Memory holds a slice of rows, not the partition."""

from collections.abc import Iterable, Iterator, Sequence
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
    """

    columns: Sequence[Feature]
    layout: Layout
    shard_bytes: int
    compression: Compression


def write_partition(data: Any, prefix: str, shard_format: ShardFormat) -> list[Shard]:
    """Write rows as one or more shards; without rows, as one empty shard.

    A shard ends with the row that fills it, so the bytes do not depend on how rows are grouped into tables or batches.

    Args:
        data: Tables, as `arrow_tables` takes them.
        prefix: URI prefix of the files; a dot and a number follow.
        shard_format: The form of the shards.

    Returns:
        The shards written, under their provisional names.
    """
    shards: list[Shard] = []
    indexed = not isinstance(shard_format.layout, FixedLayout)
    blocks = prefetch(_encode(arrow_tables(data), shard_format))
    rest: Block | None = next(blocks, None)
    while rest is not None or not shards:
        with ExitStack() as stack:
            file = stack.enter_context(ShardFile(f"{prefix}.{len(shards):05d}", shard_format.compression, indexed))
            while rest is not None and file.bytes < shard_format.shard_bytes:
                fitting, rest = _cut(rest, shard_format.shard_bytes - file.bytes)
                file.write(*fitting)
                rest = rest or next(blocks, None)
        shards.append(file.shard)
    return shards


def _encode(tables: Iterable[pa.Table], shard_format: ShardFormat) -> Iterator[Block]:
    encoder = build_encoder(shard_format.layout)
    for table in tables:
        for start in range(0, table.num_rows, _SLICE_ROWS):
            yield from encoder.blocks(to_columns(table.slice(start, _SLICE_ROWS), shard_format.columns))


def _cut(block: Block, room: int) -> tuple[Block, Block | None]:
    """Split a block after the row that fills `room` bytes; the second part is None if nothing remains."""
    content, ends = block
    rows = int(np.searchsorted(ends, room)) + 1
    if rows >= len(ends):
        return block, None
    split = int(ends[rows - 1])
    return (content[:split], ends[:rows]), (content[split:], ends[rows:] - split)
