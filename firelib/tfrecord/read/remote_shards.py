"""Remote shards in ranges: copies of what is read grow on disk (`partial`); where they cannot, bytes only pass by.

A split that is read whole, in whatever order, ends with whole copies after one epoch, and later ones are local; a
sample or a seek fetches only the blocks that it touches.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.format.shard_checks import check_sizes, other_content, wrong_size
from firelib.tfrecord.read.shard_cache import cache_folder
from firelib.tfrecord.read.sparse_copy import PartialCopy

#: Shard, first byte, the byte after the last.
Range = tuple[int, int, int]
#: Bytes of ranges of which no copy is kept, by shard and first byte.
Held = dict[tuple[int, int], memoryview]

_STEP = 64 << 20


class RemoteShards:
    """The shards of a split that lie elsewhere.

    Args:
        folder: Where.
        shards: What the manifest says of them.
        hashed: Whether `xxh128` is the hash of a shard's bytes, which whole copies are checked against.
    """

    def __init__(self, folder: str, shards: Sequence[Shard], hashed: bool) -> None:
        self._folder, self._shards, self._hashed = folder, shards, hashed
        self._copies: dict[int, PartialCopy | None] = {}
        self._lock = Lock()

    def copy(self, index: int) -> PartialCopy | None:
        """A shard's copy; None if the cache has no room for one."""
        with self._lock:
            if index not in self._copies:
                shard = self._shards[index]
                self._copies[index] = PartialCopy.of(shard.xxh128, shard.bytes)
            return self._copies[index]

    def fetch(self, ranges: Sequence[Range]) -> Held:
        """Bring ranges here, all at once: into copies, or, where there are none, into memory.

        Raises:
            FirelibError: A shard is missing, cannot be reached, or is not the one in the manifest.
        """
        missing = self._missing(ranges)
        for (index, start, stop), data in zip(missing, self._get(missing), strict=True):
            self._keep(index, start, self._part(index, start, stop, data))
        for index in sorted({index for index, _, _ in ranges}):  # one that nothing misses may be left by a kill
            self._finish(index)
        direct = [piece for piece in ranges if self.copy(piece[0]) is None]
        parts = zip(direct, self._get(direct), strict=True)
        return {(index, start): self._part(index, start, stop, data) for (index, start, stop), data in parts}

    def whole(self, index: int) -> Path:
        """A local file with all of a shard.

        Raises:
            FirelibError: As for `fetch`; or the cache has no room.
        """
        shard = self._shards[index]
        for start in range(0, shard.bytes, _STEP):
            self.fetch([(index, start, min(start + _STEP, shard.bytes))])
        copy = self.copy(index)
        if copy is None:
            raise FirelibError(
                f"the cache has no room for {shard.name} ({shard.bytes / 2**20:.0f} MiB)",
                where=str(cache_folder()),
                remedy="free space, or a larger FIRELIB_CACHE_GIB",
            )
        self._finish(index)
        return copy.path

    def _missing(self, ranges: Sequence[Range]) -> list[Range]:
        wanted: dict[int, list[tuple[int, int]]] = {}
        for index, start, stop in ranges:
            wanted.setdefault(index, []).append((start, stop))
        copies = {index: self.copy(index) for index in wanted}
        return [(index, *piece) for index, copy in copies.items() if copy for piece in copy.missing(wanted[index])]

    def _get(self, ranges: Sequence[Range]) -> list[bytes]:
        uris = [storage.join(self._folder, self._shards[index].name) for index, _, _ in ranges]
        try:
            return storage.read_ranges([(uri, *piece[1:]) for uri, piece in zip(uris, ranges, strict=True)])
        except Exception as error:
            check_sizes(self._folder, self._shards)  # a range that the file does not have fails in many ways
            raise FirelibError(
                f"cannot read a shard: {type(error).__name__}: {error}",
                where=", ".join(sorted(set(uris))[:3]),
                remedy="check network and credentials, then run the same command again",
            ) from error

    def _part(self, index: int, start: int, stop: int, data: bytes) -> memoryview:
        """The range that was asked for, also of a server that sent the whole file."""
        shard = self._shards[index]
        if len(data) == shard.bytes:
            return memoryview(data)[start:stop]
        if len(data) != stop - start:
            raise wrong_size(self._folder, shard, start + len(data))
        return memoryview(data)

    def _keep(self, index: int, start: int, data: memoryview) -> None:
        copy = self._copies[index]
        try:
            if copy:
                copy.put(start, data)
        except OSError as error:
            if copy is None or not storage.is_full_disk(error):
                raise
            copy.discard()
            self._copies[index] = None
            note(f"the disk of {cache_folder()} is full: {self._shards[index].name} is read without a copy")

    def _finish(self, index: int) -> None:
        copy, shard = self._copies[index], self._shards[index]
        if copy and not copy.finish(shard.xxh128 if self._hashed else None):
            del self._copies[index]
            raise other_content(self._folder, f"shard {shard.name}")
