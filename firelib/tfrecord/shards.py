"""Shards: files of framed records whose names and bytes depend on the rows alone."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import xxhash

from firelib.tfrecord.encode import FixedEncoder
from firelib.tfrecord.framing import framed_bytes
from firelib.tfrecord.layout import Columns, FixedLayout
from firelib.tfrecord.manifest import Shard

# Measured best: it stays in the second-level cache from the kernel to the hash to the kernel's copy. A second thread
# that writes while this one encodes made it slower.
_BLOCK_BYTES = 1 << 20


def shard_count(rows: int, record_bytes: int, target_bytes: float) -> int:
    """How many shards of about the target size a split needs; at least one."""
    return max(1, round(rows * framed_bytes(record_bytes) / target_bytes))


def shard_name(split: str, index: int, count: int) -> str:
    return f"{split}-{index:05d}-of-{count:05d}.tfrecord"


def write_shard(path: Path, columns: Columns, layout: FixedLayout) -> Shard:
    """Write rows as one shard, in the order given.

    Args:
        path: Final name; its folder is published as a whole (`storage.publish_folder`).
        columns: Feature name → array [rows, *shape].
        layout: The dataset's layout.
    """
    encoder = FixedEncoder(columns, layout)
    with path.open("wb", buffering=0) as file:
        size, digest = _write(file, encoder.blocks(_BLOCK_BYTES))
    return Shard(name=path.name, rows=encoder.rows, bytes=size, xxh128=digest)


def _write(file: BinaryIO, blocks: Iterable[npt.NDArray[np.uint8]]) -> tuple[int, str]:
    """Write blocks; returns how many bytes, and their hash."""
    digest, size = xxhash.xxh3_128(), 0
    for block in blocks:
        digest.update(block.data)
        view = memoryview(block.data).cast("B")
        while view:  # unbuffered files may take less than they are given
            written = file.write(view)
            view, size = view[written:], size + written
    return size, digest.hexdigest()
