"""One partition of rows to shards of a size; memory holds a slice of rows, whatever the partition's size."""

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
from firelib.tfrecord.write.double_buffer import ahead
from firelib.tfrecord.write.shard_file import Compression, ShardFile
from firelib.tfrecord.write.shard_writer import Layout, encoder_of
from firelib.tfrecord.write.table_inputs import arrow_tables

_SLICE_ROWS = 1 << 15

Block = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Form:
    """What shards look like.

    Attributes:
        columns: All that a record holds.
        layout: The layout that these take.
        shard_bytes: Size of a shard.
        compression: Of each file as a whole.
    """

    columns: Sequence[Feature]
    layout: Layout
    shard_bytes: int
    compression: Compression


def write_partition(data: Any, prefix: str, form: Form) -> list[Shard]:
    """Write rows to as many shards as they need; at least one, which may be empty.

    A shard ends with the row that fills it, so how rows come in tables and batches does not matter.

    Args:
        data: Tables, as `arrow_tables` takes them.
        prefix: Begin of the files' URIs; a number follows.
        form: What they look like.
    """
    shards: list[Shard] = []
    indexed = not isinstance(form.layout, FixedLayout)
    blocks = ahead(_blocks(arrow_tables(data), form))
    rest: Block | None = next(blocks, None)
    while rest is not None or not shards:
        with ExitStack() as stack:
            file = stack.enter_context(ShardFile(f"{prefix}.{len(shards):05d}", form.compression, indexed))
            while rest is not None and file.bytes < form.shard_bytes:
                now, rest = _cut(rest, form.shard_bytes - file.bytes)
                file.write(*now)
                rest = rest or next(blocks, None)
        shards.append(file.shard)
    return shards


def _blocks(tables: Iterable[pa.Table], form: Form) -> Iterator[Block]:
    encoder = encoder_of(form.layout)
    for table in tables:
        for start in range(0, table.num_rows, _SLICE_ROWS):
            yield from encoder.blocks(to_columns(table.slice(start, _SLICE_ROWS), form.columns))


def _cut(block: Block, room: int) -> tuple[Block, Block | None]:
    """A block up to the row that fills the room, and what is left."""
    content, ends = block
    rows = int(np.searchsorted(ends, room)) + 1
    if rows >= len(ends):
        return block, None
    split = int(ends[rows - 1])
    return (content[:split], ends[:rows]), (content[split:], ends[rows:] - split)
