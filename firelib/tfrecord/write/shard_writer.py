"""Write rows as one shard, and name shards; names and bytes depend on the rows alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from firelib.recipe import Feature
from firelib.tfrecord.format.canonical.encoder import CanonicalEncoder
from firelib.tfrecord.format.fixed_encoder import FixedEncoder
from firelib.tfrecord.format.fixed_layout import FixedLayout, build_fixed_layout, has_fixed_layout
from firelib.tfrecord.format.framing import framed_bytes
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.double_buffer import prefetch
from firelib.tfrecord.write.shard_file import Compression, ShardFile

# The best size measured: smaller blocks add thread switches, larger ones delay the first write.
BLOCK_BYTES = 1 << 22

#: The fixed layout, or the features of the canonical layout.
Layout = FixedLayout | Sequence[Feature]


def choose_layout(features: Sequence[Feature]) -> Layout:
    """The fixed layout if all features have a fixed size, otherwise the canonical layout."""
    return build_fixed_layout(features) if has_fixed_layout(features) else tuple(features)


def build_encoder(layout: Layout) -> FixedEncoder | CanonicalEncoder:
    """Build an encoder of columns for a layout."""
    if isinstance(layout, FixedLayout):
        return FixedEncoder(layout, BLOCK_BYTES)
    return CanonicalEncoder(layout, BLOCK_BYTES)


def shard_count(rows: int, record_bytes: int, target_bytes: float) -> int:
    """Number of shards of a split, at least one.

    Args:
        rows: Rows of the split.
        record_bytes: Mean length of a record, without framing.
        target_bytes: Approximate size of a shard.
    """
    return max(1, round(rows * framed_bytes(record_bytes) / target_bytes))


def shard_name(split: str, index: int, count: int, compression: Compression = None) -> str:
    """File name of a shard, such as `train-00000-of-00008.tfrecord`.

    Args:
        split: Name of the split.
        index: Index of the shard, from 0.
        count: Number of shards of the split.
        compression: Adds `.gz` for gzip.
    """
    return f"{split}-{index:05d}-of-{count:05d}.tfrecord{'.gz' if compression else ''}"


def write_shard(path: Path | str, columns: Mapping[str, Any], layout: Layout, compression: Compression = None) -> Shard:
    """Write rows as one shard, in the given order; in the canonical layout, with an index beside it.

    Args:
        path: Path or URI of the file. Publish its folder as a whole, since the file itself is not written atomically.
        columns: Feature name → values, as `firelib.tfrecord.format.arrow_columns.to_columns` returns them.
        layout: The dataset's layout.
        compression: Compression of the file as a whole.

    Returns:
        The manifest's entry for the file.

    Raises:
        FirelibError: A column is missing or does not fit the layout.
    """
    with ShardFile(str(path), compression, indexed=not isinstance(layout, FixedLayout)) as file:
        for block, ends in prefetch(build_encoder(layout).blocks(columns)):
            file.write(block, ends)
    return file.shard
