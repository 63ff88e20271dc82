"""Shards: files of framed records whose names and bytes depend on the rows alone."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
import numpy.typing as npt
import xxhash

from firelib.recipe import Feature
from firelib.tfrecord.canonical import CanonicalEncoder
from firelib.tfrecord.encode import FixedEncoder
from firelib.tfrecord.framing import framed_bytes
from firelib.tfrecord.layout import FixedLayout
from firelib.tfrecord.manifest import Shard, index_name

# Measured best: it stays in the second-level cache from the kernel to the hash to the kernel's copy. A second thread
# that writes while this one encodes made it slower.
_BLOCK_BYTES = 1 << 20
_GZIP_LEVEL = 6

Compression = Literal["gzip"] | None


def shard_count(rows: int, record_bytes: int, target_bytes: float) -> int:
    """How many shards of about the target size a split needs; at least one."""
    return max(1, round(rows * framed_bytes(record_bytes) / target_bytes))


def shard_name(split: str, index: int, count: int, compression: Compression = None) -> str:
    return f"{split}-{index:05d}-of-{count:05d}.tfrecord{'.gz' if compression else ''}"


def write_shard(
    path: Path,
    columns: Mapping[str, Any],
    layout: FixedLayout | Sequence[Feature],
    compression: Compression = None,
) -> Shard:
    """Write rows as one shard, in the order given; in the canonical layout, with an index beside it.

    Args:
        path: Final name; its folder is published as a whole (`storage.publish_folder`).
        columns: Feature name → values, as `firelib.tfrecord.columns.to_columns` gives them.
        layout: The dataset's fixed layout, or its features for the canonical one.
        compression: Of the file as a whole.
    """
    fixed = isinstance(layout, FixedLayout)
    encoder = FixedEncoder(columns, layout) if isinstance(layout, FixedLayout) else CanonicalEncoder(columns, layout)
    with path.open("wb", buffering=0) as file:
        size, digest = _write(file, encoder.blocks(_BLOCK_BYTES), compression)
    index = None if fixed else _write_index(path, cast(CanonicalEncoder, encoder).offsets)
    return Shard(name=path.name, rows=encoder.rows, bytes=size, xxh128=digest, index_xxh128=index)


class _Hashed:
    """A file that hashes and counts what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest, self.size = file, xxhash.xxh3_128(), 0

    def write(self, data: Any) -> int:
        self.digest.update(data)
        view = memoryview(data).cast("B")
        while view:  # unbuffered files may take less than they are given
            written = self._file.write(view)
            view, self.size = view[written:], self.size + written
        return len(memoryview(data))

    def flush(self) -> None:
        """Nothing is held back."""


def _write(file: BinaryIO, blocks: Iterable[npt.NDArray[np.uint8]], compression: Compression) -> tuple[int, str]:
    """Write blocks; returns how many bytes, and their hash."""
    target = _Hashed(file)
    if compression:
        # Neither a name nor a time in the header: the same rows give the same bytes.
        packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, cast(BinaryIO, target), mtime=0)
        with closing(packed):
            for block in blocks:
                packed.write(block.data)
    else:
        for block in blocks:
            target.write(block.data)
    return target.size, target.digest.hexdigest()


def _write_index(path: Path, offsets: npt.NDArray[np.int64]) -> str:
    """Where each record's frame begins, and the end of the last: little-endian int64; returns its hash."""
    content = offsets.astype("<i8").tobytes()
    path.with_name(index_name(path.name)).write_bytes(content)
    return xxhash.xxh3_128_hexdigest(content)
