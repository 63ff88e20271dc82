"""The shards of a split, read in ranges, wherever they lie."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import xxhash

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.format.framing import framed_bytes
from firelib.tfrecord.format.manifest import Shard, index_name
from firelib.tfrecord.format.shard_checks import REMEDY, check_sizes, missing, other_content, wrong_size
from firelib.tfrecord.read.remote_shards import Held, Range, RemoteShards
from firelib.tfrecord.read.shard_cache import unpacked

_STEP = 8 << 20
_EMPTY_FRAME = framed_bytes(0)


class ShardFiles:
    """Opens shards when they are first read, and reads without a shared position, so that threads may share it."""

    #: Whether a shard's `xxh128` is the hash of its bytes.
    hashed = True

    def __init__(self, folder: str, shards: Sequence[Shard], compressed: bool = False) -> None:
        self.shards = shards
        self._folder, self._compressed = folder, compressed
        self._remote = None if storage.is_local(folder) else RemoteShards(folder, shards, self.hashed)
        self._opened: dict[int, int] = {}
        self._lock = Lock()

    def __del__(self) -> None:
        for descriptor in self._opened.values():
            os.close(descriptor)

    def uri(self, index: int) -> str:
        return storage.join(self._folder, self.shards[index].name)

    def check(self) -> None:
        """Compare all shards with the manifest, without reading them.

        Raises:
            FirelibError: Names every shard that is missing or has another size.
        """
        check_sizes(self._folder, self.shards)

    def compression(self, index: int) -> str | None:
        """How a shard is compressed as a whole: `gzip`, `zlib` or not."""
        del index  # all alike
        return "gzip" if self._compressed else None

    def fetch(self, ranges: Sequence[Range]) -> Held:
        """Bring ranges of remote shards here, all at once, so that `read_into` finds them.

        Returns:
            The bytes that could not be kept on disk.
        """
        ranged = [piece for piece in ranges if not self.compression(piece[0])] if self._remote else []
        return self._remote.fetch(ranged) if self._remote and ranged else {}

    def read_into(self, index: int, start: int, out: npt.NDArray[np.uint8], held: Held | None = None) -> None:
        """Fill `out` from byte `start` of a shard; of a remote one, with a range that was fetched.

        Raises:
            FirelibError: The shard is missing, or shorter or longer than its manifest says.
        """
        view = memoryview(out.data)
        if held and (index, start) in held:
            view[:] = held[index, start]
            return
        copy = self._remote.copy(index) if self._remote and not self.compression(index) else None
        while view:
            read = copy.read(start, view) if copy else os.preadv(self._open(index), [view], start)
            if not read:
                raise wrong_size(self._folder, self.shards[index], start)
            view, start = view[read:], start + read

    def local_path(self, index: int) -> Path:
        """A local file with the shard's bytes.

        Raises:
            FirelibError: The shard is missing or has another size; or the cache has no room for a remote one.
        """
        if self._remote:
            return self._remote.whole(index)
        path, shard = Path(self.uri(index)), self.shards[index]
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise missing(self._folder, f"shard {shard.name}") from None
        if size != shard.bytes:
            raise wrong_size(self._folder, shard, size)
        return path

    def unpacked_path(self, index: int) -> Path:
        """A local file with the shard's records, whether it is compressed or not.

        Raises:
            FirelibError: As for `local_path`; or it cannot be unpacked.
        """
        compression, shard = self.compression(index), self.shards[index]
        if not compression:
            return self.local_path(index)
        try:
            return unpacked(self.uri(index), shard.xxh128, compression)
        except FileNotFoundError:
            raise missing(self._folder, f"shard {shard.name}") from None
        except (OSError, EOFError, zlib.error) as error:
            raise FirelibError(
                f"shard {shard.name} cannot be unpacked: {error}", where=self._folder, remedy=REMEDY
            ) from None

    def verify_hash(self, index: int) -> None:
        """Compare all of a shard's file with the manifest.

        Raises:
            FirelibError: It is another file.
        """
        shard, digest = self.shards[index], xxhash.xxh3_128()
        for start in range(0, shard.bytes, _STEP):
            block = np.empty(min(_STEP, shard.bytes - start), np.uint8)
            self.read_into(index, start, block, self.fetch([(index, start, start + block.size)]))
            digest.update(block.data)
        if digest.hexdigest() != shard.xxh128:
            raise other_content(self._folder, f"shard {shard.name}")

    def offsets(self, index: int) -> npt.NDArray[np.int64]:
        """Where each record of a shard begins, and the end of the last (canonical layout).

        Raises:
            FirelibError: The index is missing or is not the one in the manifest.
        """
        shard = self.shards[index]
        name = index_name(shard.name)
        try:
            content = storage.read_bytes(storage.join(self._folder, name))
        except FileNotFoundError:
            raise missing(self._folder, name) from None
        if xxhash.xxh3_128_hexdigest(content) != shard.index_xxh128 or len(content) != 8 * (shard.rows + 1):
            raise other_content(self._folder, name)
        offsets = np.frombuffer(content, "<i8")
        whole = self.compression(index) or offsets[-1] == shard.bytes
        if offsets[0] or not whole or (np.diff(offsets) < _EMPTY_FRAME).any():  # compiled code relies on it
            raise FirelibError(f"{name} does not fit its shard", where=self._folder, remedy=REMEDY)
        return offsets

    def _open(self, index: int) -> int:
        with self._lock:
            if index not in self._opened:
                self._opened[index] = os.open(self.unpacked_path(index), os.O_RDONLY | os.O_CLOEXEC)
            return self._opened[index]
