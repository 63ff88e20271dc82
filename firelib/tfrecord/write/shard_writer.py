"""Shards: files of framed records whose names and bytes depend on the rows alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from firelib.recipe import Feature
from firelib.tfrecord.format.canonical_encoder import CanonicalEncoder
from firelib.tfrecord.format.fixed_encoder import FixedEncoder
from firelib.tfrecord.format.fixed_layout import FixedLayout, fixed_layout, is_fixed
from firelib.tfrecord.format.framing import framed_bytes
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.double_buffer import ahead
from firelib.tfrecord.write.shard_file import Compression, ShardFile

# Measured best: less costs hand-overs between threads, more delays the first write.
BLOCK_BYTES = 1 << 22

#: The fixed layout, or the features of the canonical one.
Layout = FixedLayout | Sequence[Feature]


def layout_of(features: Sequence[Feature]) -> Layout:
    """The layout that these features take."""
    return fixed_layout(features) if is_fixed(features) else tuple(features)


def encoder_of(layout: Layout) -> FixedEncoder | CanonicalEncoder:
    """What encodes columns in this layout."""
    if isinstance(layout, FixedLayout):
        return FixedEncoder(layout, BLOCK_BYTES)
    return CanonicalEncoder(layout, BLOCK_BYTES)


def shard_count(rows: int, record_bytes: int, target_bytes: float) -> int:
    """How many shards of about the target size a split needs; at least one."""
    return max(1, round(rows * framed_bytes(record_bytes) / target_bytes))


def shard_name(split: str, index: int, count: int, compression: Compression = None) -> str:
    return f"{split}-{index:05d}-of-{count:05d}.tfrecord{'.gz' if compression else ''}"


def write_shard(path: Path | str, columns: Mapping[str, Any], layout: Layout, compression: Compression = None) -> Shard:
    """Write rows as one shard, in the order given; in the canonical layout, with an index beside it.

    Args:
        path: Final name, or a URI; its folder is published as a whole (`storage.publish_folder`).
        columns: Feature name → values, as `firelib.tfrecord.format.arrow_columns.to_columns` gives them.
        layout: The dataset's layout.
        compression: Of the file as a whole.
    """
    with ShardFile(str(path), compression, indexed=not isinstance(layout, FixedLayout)) as file:
        for block, ends in ahead(encoder_of(layout).blocks(columns)):
            file.write(block, ends)
    return file.shard
