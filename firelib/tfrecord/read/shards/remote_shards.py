"""Read remote shards in ranges through local copies (`sparse_copy`), or into memory if the cache has no room.

Reading a whole split, in any order, completes all copies within one epoch, and later epochs read local files. A sample
or a seek fetches only the blocks that it touches.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError, UnreachableError
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.format.shard_checks import check_sizes, hash_mismatch, size_mismatch
from firelib.tfrecord.read.shards.shard_cache import cache_folder
from firelib.tfrecord.read.shards.sparse_copy import SparseCopy

#: Index of a shard, first byte, the byte after the last.
Range = tuple[int, int, int]
#: Bytes of ranges without a local copy, by shard index and first byte.
FetchedRanges = dict[tuple[int, int], memoryview]

_STEP_BYTES = 64 << 20


class RemoteShards:
    """The remote shards of a split.

    Args:
        folder: URI of the dataset's folder.
        shards: The manifest's entries.
        hashed: Whether `xxh128` is the hash of a shard's bytes; complete copies are then verified.
        remedy: What to do about a shard that differs.
    """

    def __init__(self, folder: str, shards: Sequence[Shard], hashed: bool, remedy: str) -> None:
        self._folder, self._shards, self._hashed = folder, shards, hashed
        self._remedy = remedy
        self._copies: dict[int, SparseCopy | None] = {}
        self._lock = Lock()

    def copy(self, index: int) -> SparseCopy | None:
        """The local copy of a shard; None if the cache has no room for it."""
        with self._lock:
            if index not in self._copies:
                shard = self._shards[index]
                self._copies[index] = SparseCopy.open(shard.xxh128, shard.bytes)
            return self._copies[index]

    def fetch(self, ranges: Sequence[Range]) -> FetchedRanges:
        """Fetch ranges concurrently, into local copies where they exist.

        Args:
            ranges: The ranges to read next.

        Returns:
            The bytes of the ranges without a local copy.

        Raises:
            FirelibError: A shard is missing, unreachable, or differs from the manifest.
        """
        missing = self._missing(ranges)
        for (index, start, stop), data in zip(missing, self._read_ranges(missing), strict=True):
            self._store(index, start, self._cut(index, start, stop, data))
        for index in sorted({index for index, _, _ in ranges}):  # also completes a copy whose reader was killed
            self._finalize(index)
        direct = [piece for piece in ranges if self.copy(piece[0]) is None]
        parts = zip(direct, self._read_ranges(direct), strict=True)
        return {(index, start): self._cut(index, start, stop, data) for (index, start, stop), data in parts}

    def complete_copy(self, index: int) -> Path:
        """Fetch a whole shard and return its local copy.

        Raises:
            FirelibError: As for `fetch`, or the cache has no room.
        """
        shard = self._shards[index]
        for start in range(0, shard.bytes, _STEP_BYTES):
            self.fetch([(index, start, min(start + _STEP_BYTES, shard.bytes))])
        copy = self.copy(index)
        if copy is None:
            raise FirelibError(
                f"the cache has no room for {shard.name} ({shard.bytes / 2**20:.0f} MiB)",
                where=str(cache_folder()),
                remedy="free disk space, or set a larger FIRELIB_CACHE_GIB",
            )
        self._finalize(index)
        return copy.path

    def _missing(self, ranges: Sequence[Range]) -> list[Range]:
        """The blocks that must be fetched before the ranges can be read from the copies."""
        wanted: dict[int, list[tuple[int, int]]] = {}
        for index, start, stop in ranges:
            wanted.setdefault(index, []).append((start, stop))
        copies = {index: self.copy(index) for index in wanted}
        return [
            (index, *piece) for index, copy in copies.items() if copy for piece in copy.missing_ranges(wanted[index])
        ]

    def _read_ranges(self, ranges: Sequence[Range]) -> list[bytes]:
        uris = [storage.join(self._folder, self._shards[index].name) for index, _, _ in ranges]
        try:
            return storage.read_ranges([(uri, *piece[1:]) for uri, piece in zip(uris, ranges, strict=True)])
        except Exception as error:
            # A range beyond the end of a file fails in a different way on each storage, so sizes are compared first.
            check_sizes(self._folder, self._shards, self._remedy)
            if isinstance(error, FirelibError):
                raise
            raise UnreachableError(
                f"cannot read a shard: {type(error).__name__}: {error}",
                where=", ".join(sorted(set(uris))[:3]),
                remedy="check network and credentials, then run the same command again",
            ) from error

    def _cut(self, index: int, start: int, stop: int, data: bytes) -> memoryview:
        """The requested range, also if the server ignored the range and sent the whole file."""
        shard = self._shards[index]
        if len(data) == shard.bytes:
            return memoryview(data)[start:stop]
        if len(data) != stop - start:
            raise size_mismatch(self._folder, shard, start + len(data), self._remedy)
        return memoryview(data)

    def _store(self, index: int, start: int, data: memoryview) -> None:
        """Write fetched blocks into a copy, or give the copy up if the disk is full."""
        copy = self._copies[index]
        try:
            if copy:
                copy.write_blocks(start, data)
        except OSError as error:
            if copy is None or not storage.is_full_disk(error):
                raise
            copy.discard()
            self._copies[index] = None
            note(f"the disk of {cache_folder()} is full: {self._shards[index].name} is read without a local copy")

    def _finalize(self, index: int) -> None:
        copy, shard = self._copies[index], self._shards[index]
        if copy and not copy.finalize(shard.xxh128 if self._hashed else None):
            del self._copies[index]
            raise hash_mismatch(self._folder, f"shard {shard.name}")
