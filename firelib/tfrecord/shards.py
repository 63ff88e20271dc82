"""Shards: files of framed records whose names and bytes depend on the rows alone."""

import hashlib
from pathlib import Path

from firelib.tfrecord.encode import encode
from firelib.tfrecord.framing import framed, framed_bytes
from firelib.tfrecord.layout import Columns, FixedLayout
from firelib.tfrecord.manifest import Shard

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
    rows = len(next(iter(columns.values())))
    step = max(1, _BLOCK_BYTES // layout.record_bytes)
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        for start in range(0, rows, step):
            part = {name: column[start : start + step] for name, column in columns.items()}
            block = framed(encode(part, layout)).data
            digest.update(block)
            size += file.write(block)
    return Shard(name=path.name, rows=rows, bytes=size, sha256=digest.hexdigest())
