"""The records of a `.wandb` file, in W&B's variant of LevelDB's log format.

W&B dropped its own reader in Python (`wandb.sdk.internal.datastore`) with its Go core: version 0.31 has none. A file
begins with a header of seven bytes. Blocks of 32 KiB hold chunks: CRC-32, length, type, data. A record that does not
fit into its block is divided into a first, middle and last chunk.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b":W&B\xe1\xbe"
_HEADER_BYTES = 7  # the magic number, and a version
_BLOCK_BYTES = 1 << 15
_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_FOLLOWERS = {None: (_FULL, _FIRST), _FIRST: (_MIDDLE, _LAST), _MIDDLE: (_MIDDLE, _LAST)}


class TornLogError(Exception):
    """A file that ends in the middle of a record, as after a kill, or is damaged there."""


def read_log(file: Path) -> Iterator[bytes]:
    """The records of a file, in order.

    Args:
        file: The `.wandb` file.

    Yields:
        The content of each record whose CRC is right.

    Raises:
        TornLogError: What follows is no whole record.
    """
    content = file.read_bytes()
    if not content.startswith(_MAGIC):
        raise TornLogError("not a file of W&B")
    parts: list[bytes] = []
    previous: int | None = None
    for kind, data in _chunks(content):
        if kind not in _FOLLOWERS[previous]:
            raise TornLogError(f"a chunk of type {kind} follows one of type {previous}")
        parts.append(data)
        previous = kind if kind in (_FIRST, _MIDDLE) else None
        if previous is None:
            yield b"".join(parts)
            parts = []
    if parts:
        raise TornLogError("the last record is not whole")


def _chunks(content: bytes) -> Iterator[tuple[int, bytes]]:
    position = _HEADER_BYTES
    while position < len(content):
        left = _BLOCK_BYTES - position % _BLOCK_BYTES
        if left < _CHUNK.size:  # the end of a block is filled with zeros
            position += left
            continue
        if position + _CHUNK.size > len(content):
            raise TornLogError(f"{len(content) - position} bytes at the end are no chunk")
        crc, size, kind = _CHUNK.unpack_from(content, position)
        start = position + _CHUNK.size
        data = content[start : start + size]
        if len(data) < size:
            raise TornLogError(f"the chunk at {position} lacks {size - len(data)} of {size} bytes")
        if zlib.crc32(data, zlib.crc32(bytes([kind]))) != crc:
            raise TornLogError(f"the chunk at {position} has a wrong CRC")
        yield kind, data
        position = start + size
