"""The shards of a split as one sequence of bytes, read in ranges; remote ones come through a local cache."""

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
from firelib.tfrecord.cache import cached
from firelib.tfrecord.manifest import Shard, index_name

REMEDY = "restore it (dvc checkout), or write it again (firelib transform)"


class ShardFiles:
    """Opens shards when they are first read, and reads without a shared position, so that threads may share it."""

    def __init__(self, folder: str, shards: Sequence[Shard], compressed: bool = False) -> None:
        self.shards = shards
        self._folder, self._compressed = folder, compressed
        self._opened: dict[int, int] = {}
        self._lock = Lock()

    def __del__(self) -> None:
        for descriptor in self._opened.values():
            os.close(descriptor)

    def uri(self, index: int) -> str:
        return storage.join(self._folder, self.shards[index].name)

    def read_into(self, index: int, start: int, out: npt.NDArray[np.uint8]) -> None:
        """Fill `out` from byte `start` of a shard.

        Raises:
            FirelibError: The shard is missing, or shorter or longer than its manifest says.
        """
        descriptor, view = self._open(index), memoryview(out.data)
        while view:
            read = os.preadv(descriptor, [view], start)
            if not read:
                raise self._wrong_size(index, os.fstat(descriptor).st_size)
            view, start = view[read:], start + read

    def local_path(self, index: int) -> Path:
        """A local file with the shard's bytes.

        Raises:
            FirelibError: The shard is missing.
        """
        uri, shard = self.uri(index), self.shards[index]
        try:
            path = Path(uri) if storage.is_local(uri) else cached(uri, shard.xxh128)
            size = path.stat().st_size
        except FileNotFoundError:
            raise FirelibError(
                f"shard {shard.name} is missing", where=self._folder, remedy="dvc checkout, or firelib transform"
            ) from None
        if size != shard.bytes:
            raise self._wrong_size(index, size)
        return path

    def offsets(self, index: int) -> npt.NDArray[np.int64]:
        """Where each record of a shard begins, and the end of the last (canonical layout).

        Raises:
            FirelibError: The index is missing or is not the one in the manifest.
        """
        shard = self.shards[index]
        uri = index_name(self.uri(index))
        try:
            content = storage.read_bytes(uri)
        except FileNotFoundError:
            raise FirelibError(f"{index_name(shard.name)} is missing", where=self._folder, remedy=REMEDY) from None
        if xxhash.xxh3_128_hexdigest(content) != shard.index_xxh128 or len(content) != 8 * (shard.rows + 1):
            raise FirelibError(
                f"{index_name(shard.name)} is not the one in the manifest", where=self._folder, remedy=REMEDY
            )
        return np.frombuffer(content, "<i8")

    def _open(self, index: int) -> int:
        with self._lock:
            if index not in self._opened:
                path = self.local_path(index)
                if self._compressed:
                    path = self._unpacked(index)
                self._opened[index] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            return self._opened[index]

    def _unpacked(self, index: int) -> Path:
        try:
            return cached(self.uri(index), self.shards[index].xxh128, unpack=True)
        except (OSError, EOFError, zlib.error) as error:
            name = self.shards[index].name
            raise FirelibError(f"shard {name} cannot be unpacked: {error}", where=self._folder, remedy=REMEDY) from None

    def _wrong_size(self, index: int, size: int) -> FirelibError:
        shard = self.shards[index]
        message = f"shard {shard.name} has {size} bytes, its manifest says {shard.bytes}"
        return FirelibError(message, where=self._folder, remedy=REMEDY)
