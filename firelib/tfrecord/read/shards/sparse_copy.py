"""A local copy of a remote shard that grows with the ranges that are read: every byte is fetched at most once.

The copy is a sparse file. Beside it lies a block map with one byte per block that is 1 once the block is present; all
processes that use the copy map it into memory. A block is marked after its bytes are written, so a killed process
leaves a consistent copy. The names contain the boot id, because after a power failure the disk may hold a mark without
the bytes: a copy of another boot is ignored.
"""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from firelib.tfrecord.read.shards.shard_cache import (
    BLOCK_MAP_SUFFIX,
    PARTIAL_SUFFIX,
    cache_folder,
    lock_folder,
    make_room,
    open_shared,
    remove_copy,
)

# A request takes a few hundredths of a second on any storage: smaller blocks need more requests, larger blocks fetch
# bytes that may not be needed.
BLOCK_BYTES = 1 << 20
REQUEST_BYTES = 8 << 20

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SparseCopy:
    """A complete or partial local copy of one shard. Threads and processes may share it."""

    def __init__(self, path: Path, descriptor: int, size: int, block_map: npt.NDArray[np.uint8] | None) -> None:
        self._path, self._descriptor, self._size, self._block_map = path, descriptor, size, block_map

    @classmethod
    def open(cls, content_hash: str, size: int) -> "SparseCopy | None":
        """Open the copy of a shard, or create an empty one.

        Args:
            content_hash: Names the copy.
            size: Bytes of the shard.

        Returns:
            The copy; None if the cache has no room for it.
        """
        folder = cache_folder()
        path = folder / content_hash
        with lock_folder(folder):
            if path.exists():
                return cls(path, open_shared(path), size, None)
            partial = _partial_path(path)
            if not partial.exists():
                remove_copy(partial)
                if not make_room(folder, size):
                    return None
            descriptor = open_shared(partial, os.O_RDWR | os.O_CREAT)
            os.ftruncate(descriptor, size)
            return cls(
                path, descriptor, size, _map_file(partial.with_suffix(BLOCK_MAP_SUFFIX), -(-size // BLOCK_BYTES))
            )

    def __del__(self) -> None:
        os.close(self._descriptor)

    @property
    def path(self) -> Path:
        """Path of the complete copy."""
        return self._path

    def missing_ranges(self, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Ranges to fetch before other ranges can be read.

        Args:
            ranges: First byte and the byte after the last of each range to read.

        Returns:
            First byte and the byte after the last of whole missing blocks, in pieces of at most REQUEST_BYTES.
        """
        if self._block_map is None:
            return []
        wanted = np.zeros(len(self._block_map), bool)
        for start, stop in ranges:
            wanted[start // BLOCK_BYTES : -(-stop // BLOCK_BYTES)] = True
        blocks = np.flatnonzero(wanted & (self._block_map == 0))
        most, pieces = REQUEST_BYTES // BLOCK_BYTES, list[tuple[int, int]]()
        for run in np.split(blocks, np.flatnonzero(np.diff(blocks) > 1) + 1):
            for first in range(0, len(run), most):
                part = run[first : first + most]
                pieces.append((int(part[0]) * BLOCK_BYTES, min(self._size, (int(part[-1]) + 1) * BLOCK_BYTES)))
        return pieces

    def write_blocks(self, start: int, data: memoryview) -> None:
        """Write whole blocks, then mark them as present.

        Args:
            start: Offset of the first block.
            data: The bytes of the blocks.
        """
        if self._block_map is None:
            return
        view, offset = data, start
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written
        self._block_map[start // BLOCK_BYTES : -(-(start + len(data)) // BLOCK_BYTES)] = 1

    def finalize(self, expected: str | None) -> bool:
        """Verify a copy whose blocks are all present, and give it its final name.

        Args:
            expected: The shard's XXH3 hash; None if it is not known.

        Returns:
            False if the copy is complete and has another hash; it is then removed.
        """
        if self._block_map is None or not self._block_map.all():
            return True
        is_valid = expected is None or self._hash() == expected
        with lock_folder(self._path.parent):
            if self._has_name():
                if is_valid:
                    os.fdatasync(self._descriptor)
                    _partial_path(self._path).replace(self._path)
                remove_copy(_partial_path(self._path))
        self._block_map = None
        return is_valid

    def discard(self) -> None:
        """Remove the partial copy."""
        with lock_folder(self._path.parent):
            if self._has_name():
                remove_copy(_partial_path(self._path))

    def read(self, start: int, view: memoryview) -> int:
        """Read bytes that are present.

        Args:
            start: Offset of the first byte.
            view: The buffer to fill.

        Returns:
            Number of bytes read.
        """
        return os.preadv(self._descriptor, [view], start)

    def _has_name(self) -> bool:
        """Whether the open file still has its partial name: another process may have renamed or removed it."""
        try:
            return _partial_path(self._path).stat().st_ino == os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return False

    def _hash(self) -> str:
        digest = xxhash.xxh3_128()
        for start in range(0, self._size, REQUEST_BYTES):
            digest.update(os.pread(self._descriptor, REQUEST_BYTES, start))
        return digest.hexdigest()


def _partial_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.{_read_boot_id()}{PARTIAL_SUFFIX}")


def _read_boot_id() -> str:
    return _BOOT_ID.read_text().strip()[:8]


def _map_file(path: Path, size: int) -> npt.NDArray[np.uint8]:
    """Map a file of `size` bytes into memory, shared with all processes that map it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(descriptor, size)
        return np.frombuffer(mmap.mmap(descriptor, size), np.uint8) if size else np.empty(0, np.uint8)
    finally:
        os.close(descriptor)
