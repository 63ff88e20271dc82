"""A local copy of a remote shard that grows with what is read: every byte is fetched once, and only if it is wanted.

The copy is a sparse file; beside it lies one byte a block that says whether the block is there, mapped into all
processes that use the copy. A block is marked after its bytes were written, so a process that is killed leaves
nothing wrong behind. Marks of another boot are not believed: of a host that lost power, the disk may hold the mark
without the bytes.
"""

import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xxhash

from firelib.tfrecord.read.shard_cache import MARKS, PART, cache_folder, has_room, locked, open_in_use, remove

# Requests cost a few hundredths of a second wherever they go: smaller blocks bring more of them, larger ones bytes that
# are wanted later.
BLOCK_BYTES = 1 << 20
REQUEST_BYTES = 8 << 20

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class PartialCopy:
    """One shard's copy, whole or not yet. Threads and processes may share it."""

    def __init__(self, whole: Path, descriptor: int, size: int, marks: npt.NDArray[np.uint8] | None) -> None:
        self._whole, self._descriptor, self._size, self._marks = whole, descriptor, size, marks

    @classmethod
    def of(cls, content_hash: str, size: int) -> "PartialCopy | None":
        """The copy of a shard, begun if there is none; None if the cache has no room for it."""
        folder = cache_folder()
        whole = folder / content_hash
        with locked(folder):
            if whole.exists():
                return cls(whole, open_in_use(whole), size, None)
            part = _part(whole)
            if not part.exists():
                remove(part)
                if not has_room(folder, size):
                    return None
            descriptor = open_in_use(part, os.O_RDWR | os.O_CREAT)
            os.ftruncate(descriptor, size)
            return cls(whole, descriptor, size, _mapped(part.with_suffix(MARKS), -(-size // BLOCK_BYTES)))

    def __del__(self) -> None:
        os.close(self._descriptor)

    @property
    def path(self) -> Path:
        """The whole copy's name."""
        return self._whole

    def missing(self, ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """What has to be fetched before ranges of bytes can be read: whole blocks, in pieces of a request's size."""
        if self._marks is None:
            return []
        wanted = np.zeros(len(self._marks), bool)
        for start, stop in ranges:
            wanted[start // BLOCK_BYTES : -(-stop // BLOCK_BYTES)] = True
        blocks = np.flatnonzero(wanted & (self._marks == 0))
        most, pieces = REQUEST_BYTES // BLOCK_BYTES, list[tuple[int, int]]()
        for run in np.split(blocks, np.flatnonzero(np.diff(blocks) > 1) + 1):
            for first in range(0, len(run), most):
                part = run[first : first + most]
                pieces.append((int(part[0]) * BLOCK_BYTES, min(self._size, (int(part[-1]) + 1) * BLOCK_BYTES)))
        return pieces

    def put(self, start: int, data: memoryview) -> None:
        """Keep what was fetched: whole blocks."""
        if self._marks is None:
            return
        view, place = data, start
        while view:
            written = os.pwrite(self._descriptor, view, place)
            view, place = view[written:], place + written
        self._marks[start // BLOCK_BYTES : -(-(start + len(data)) // BLOCK_BYTES)] = 1

    def finish(self, expected: str | None) -> bool:
        """Give the copy its name if it is whole; False if it is, but is not what was expected.

        Args:
            expected: Its XXH3 hash; None if that is not known.
        """
        if self._marks is None or not self._marks.all():
            return True
        sound = expected is None or self._hash() == expected
        with locked(self._whole.parent):
            if self._is_named():
                if sound:
                    os.fdatasync(self._descriptor)
                    _part(self._whole).replace(self._whole)
                remove(_part(self._whole))
        self._marks = None
        return sound

    def discard(self) -> None:
        """Give up a copy that cannot be kept."""
        with locked(self._whole.parent):
            if self._is_named():
                remove(_part(self._whole))

    def read(self, start: int, view: memoryview) -> int:
        """Read what `missing` did not name; returns how many bytes."""
        return os.preadv(self._descriptor, [view], start)

    def _is_named(self) -> bool:
        """Whether the file that is open still has its name: another process may have renamed or removed it."""
        try:
            return _part(self._whole).stat().st_ino == os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return False

    def _hash(self) -> str:
        digest = xxhash.xxh3_128()
        for start in range(0, self._size, REQUEST_BYTES):
            digest.update(os.pread(self._descriptor, REQUEST_BYTES, start))
        return digest.hexdigest()


def _part(whole: Path) -> Path:
    return whole.with_name(f"{whole.name}.{_boot()}{PART}")


def _boot() -> str:
    return _BOOT.read_text().strip()[:8]


def _mapped(path: Path, size: int) -> npt.NDArray[np.uint8]:
    """A file of `size` bytes in memory, shared with all that map it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.ftruncate(descriptor, size)
        return np.frombuffer(mmap.mmap(descriptor, size), np.uint8) if size else np.empty(0, np.uint8)
    finally:
        os.close(descriptor)
