"""Read the shards of a split in ranges, from local or remote storage."""

import os
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import xxhash

from firelib import storage
from firelib.errors import FirelibError, UnreachableError
from firelib.tfrecord.format.framing import framed_bytes
from firelib.tfrecord.format.manifest import Shard, index_name
from firelib.tfrecord.format.shard_checks import REMEDY, check_sizes, hash_mismatch, missing_file, size_mismatch
from firelib.tfrecord.read.row_ranges import Rows
from firelib.tfrecord.read.shards.file_limit import raise_file_limit
from firelib.tfrecord.read.shards.remote_shards import FetchedRanges, Range, RemoteShards
from firelib.tfrecord.read.shards.shard_cache import decompress_shard

_STEP_BYTES = 8 << 20
_MIN_FRAME_BYTES = framed_bytes(0)


class ShardFiles:
    """The shards of a split. A shard is opened on first use; reads pass an offset, so threads may share this object.

    Args:
        folder: URI of the dataset's folder.
        shards: The manifest's entries.
        compressed: Whether the shards are compressed as a whole.
        record_bytes: Length of each record in the fixed layout, or None.
    """

    #: Whether a shard's `xxh128` is the hash of its bytes.
    hashed = True
    #: What to do about a file that is missing or damaged.
    remedy = REMEDY

    def __init__(
        self, folder: str, shards: Sequence[Shard], compressed: bool = False, record_bytes: int | None = None
    ) -> None:
        raise_file_limit(len(shards))
        self.shards = shards
        self._folder, self._compressed, self._record_bytes = folder, compressed, record_bytes
        self._remote = None if storage.is_local(folder) else RemoteShards(folder, shards, self.hashed, self.remedy)
        self._descriptors: dict[int, int] = {}
        self._lock = Lock()

    def __del__(self) -> None:
        for descriptor in self._descriptors.values():
            os.close(descriptor)

    @cached_property
    def row_starts(self) -> Rows:
        """int64 [shards + 1]: the split's row at which each shard starts, and the number of rows of the split."""
        return np.cumsum([0, *(shard.rows for shard in self.shards)])

    def uri(self, index: int) -> str:
        """URI of a shard."""
        return storage.join(self._folder, self.shards[index].name)

    def check(self) -> None:
        """Compare the presence and the sizes of all shards with the manifest, without reading them.

        Raises:
            FirelibError: Shards are missing or have another size.
        """
        check_sizes(self._folder, self.shards, self.remedy)

    def compression(self, index: int) -> str | None:
        """Compression of a shard as a whole: `gzip`, `zlib` or None."""
        del index  # firelib compresses all shards of a dataset alike; other writers may not
        return "gzip" if self._compressed else None

    def fetch(self, ranges: Sequence[Range]) -> FetchedRanges:
        """Fetch ranges of remote shards concurrently, before `read_into` reads them; do nothing for local shards.

        Args:
            ranges: The ranges to read next.

        Returns:
            The bytes of ranges without a local copy.

        Raises:
            FirelibError: A shard is missing, unreachable, or differs from the manifest.
        """
        ranged = [piece for piece in ranges if not self.compression(piece[0])] if self._remote else []
        return self._remote.fetch(ranged) if self._remote and ranged else {}

    def read_into(
        self, index: int, start: int, out: npt.NDArray[np.uint8], fetched: FetchedRanges | None = None
    ) -> None:
        """Fill a buffer with a shard's bytes from an offset on.

        Args:
            index: Index of the shard.
            start: Offset in the shard, after decompression.
            out: The buffer, contiguous uint8. For a remote shard, `fetch` must have fetched exactly this range.
            fetched: What `fetch` returned.

        Raises:
            FirelibError: The shard is missing or cannot be read, or its size differs from the manifest.
        """
        view = memoryview(out.data)
        if fetched and (index, start) in fetched:
            view[:] = fetched[index, start]
            return
        copy = self._remote.copy(index) if self._remote and not self.compression(index) else None
        while view:
            read = copy.read(start, view) if copy else self._read_local(index, start, view)
            if not read:
                raise size_mismatch(self._folder, self.shards[index], start, self.remedy)
            view, start = view[read:], start + read

    def _read_local(self, index: int, start: int, out: memoryview) -> int:
        try:
            return os.preadv(self._open(index), [out], start)
        except OSError as error:  # a failing disk, or a stale handle of a network file system
            raise UnreachableError(
                f"cannot read shard {self.shards[index].name}: {error}",
                where=self._folder,
                remedy="check the disk or the network, then run the same command again",
            ) from None

    def local_path(self, index: int) -> Path:
        """A local file with a shard's bytes.

        Raises:
            FirelibError: The shard is missing or has another size, or the cache has no room for a remote shard.
        """
        if self._remote:
            return self._remote.complete_copy(index)
        path, shard = Path(self.uri(index)), self.shards[index]
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise missing_file(self._folder, f"shard {shard.name}", self.remedy) from None
        if size != shard.bytes:
            raise size_mismatch(self._folder, shard, size, self.remedy)
        return path

    def decompressed_path(self, index: int) -> Path:
        """A local file with a shard's records, decompressed if necessary.

        Raises:
            FirelibError: As for `local_path`, or the shard cannot be decompressed.
        """
        compression, shard = self.compression(index), self.shards[index]
        if not compression:
            return self.local_path(index)
        try:
            size = self._decompressed_bytes(index)
            return decompress_shard(self.uri(index), shard.xxh128, compression, size, self.hashed)
        except FileNotFoundError:
            raise missing_file(self._folder, f"shard {shard.name}", self.remedy) from None
        except (OSError, EOFError, zlib.error) as error:
            raise FirelibError(
                f"cannot decompress shard {shard.name}: {error}", where=self._folder, remedy=self.remedy
            ) from None

    def _decompressed_bytes(self, index: int) -> int | None:
        """Bytes of a shard after decompression; None for files of other writers."""
        shard = self.shards[index]
        if self._record_bytes is not None:
            return shard.rows * framed_bytes(self._record_bytes)
        return int(self.offsets(index)[-1]) if shard.index_xxh128 else None

    def verify_hash(self, index: int) -> None:
        """Compare the hash of a shard's file with the manifest.

        Raises:
            FirelibError: The hash differs, or the shard cannot be read.
        """
        shard, digest = self.shards[index], xxhash.xxh3_128()
        for start in range(0, shard.bytes, _STEP_BYTES):
            block = np.empty(min(_STEP_BYTES, shard.bytes - start), np.uint8)
            self.read_into(index, start, block, self.fetch([(index, start, start + block.size)]))
            digest.update(block.data)
        if digest.hexdigest() != shard.xxh128:
            raise hash_mismatch(self._folder, f"shard {shard.name}")

    def offsets(self, index: int) -> Rows:
        """Read a shard's index (canonical layout).

        Returns:
            int64 [records + 1]: the offset of each record's frame, and the end of the last.

        Raises:
            FirelibError: The index is missing, or does not match the manifest or its shard.
        """
        shard = self.shards[index]
        name = index_name(shard.name)
        try:
            content = storage.read_bytes(storage.join(self._folder, name))
        except FileNotFoundError:
            raise missing_file(self._folder, name) from None
        if xxhash.xxh3_128_hexdigest(content) != shard.index_xxh128 or len(content) != 8 * (shard.rows + 1):
            raise hash_mismatch(self._folder, name)
        offsets = np.frombuffer(content, "<i8")
        ends_with_shard = self.compression(index) or offsets[-1] == shard.bytes
        # The kernels read at these offsets without a bounds check. Differences of negative ones may overflow.
        if (offsets < 0).any() or offsets[0] or not ends_with_shard or (np.diff(offsets) < _MIN_FRAME_BYTES).any():
            raise FirelibError(f"{name} does not match its shard", where=self._folder, remedy=REMEDY)
        return offsets

    def _open(self, index: int) -> int:
        with self._lock:
            if index not in self._descriptors:
                self._descriptors[index] = os.open(self.decompressed_path(index), os.O_RDONLY | os.O_CLOEXEC)
            return self._descriptors[index]
