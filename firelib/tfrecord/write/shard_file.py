"""One shard being written: hashed and counted on the way, compressed if asked, its index beside it."""

import gzip
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self, cast

import numpy as np
import numpy.typing as npt
import xxhash

from firelib import storage
from firelib.tfrecord.format.manifest import Shard, index_name

Compression = Literal["gzip"] | None

_GZIP_LEVEL = 6


class ShardFile:
    """A file for framed records, anywhere.

    Attributes:
        bytes: Bytes of records so far, before compression.
        shard: What the manifest says of it; after closing.
    """

    def __init__(self, uri: str, compression: Compression, indexed: bool) -> None:
        self.bytes = 0
        self.shard: Shard
        self._uri, self._rows = uri, 0
        self._file = _Hashed(_open(uri))
        # Neither a name nor a time in the header: the same rows give the same bytes.
        self._gzip = gzip.GzipFile("", "wb", _GZIP_LEVEL, cast(BinaryIO, self._file), mtime=0) if compression else None
        self._index: list[npt.NDArray[np.int64]] | None = [np.zeros(1, np.int64)] if indexed else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._gzip and kind is None:
            self._gzip.close()
        self._file.close()
        if kind is None:
            self.shard = self._finished()

    def write(self, block: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> None:
        """Append framed records.

        Args:
            block: Their bytes.
            ends: Where each ends in them.
        """
        (self._gzip or self._file).write(block.data)
        if self._index is not None:
            self._index.append(self.bytes + ends)
        self.bytes += block.size
        self._rows += len(ends)

    def _finished(self) -> Shard:
        name, digest = self._uri.rpartition("/")[2], self._file.digest.hexdigest()
        index = None
        if self._index is not None:
            # Where each record's frame begins, and the end of the last: little-endian int64.
            content = np.concatenate(self._index).astype("<i8").tobytes()
            storage.write_bytes(index_name(self._uri), content)
            index = xxhash.xxh3_128_hexdigest(content)
        return Shard(name=name, rows=self._rows, bytes=self._file.size, xxh128=digest, index_xxh128=index)


class _Hashed:
    """A file that hashes and counts what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest, self.size = file, xxhash.xxh3_128(), 0
        self.close = file.close

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self.digest.update(view)
        self.size += (size := len(view))
        while view:  # unbuffered files may take less than they are given
            view = view[self._file.write(view) :]
        return size

    def flush(self) -> None:
        """Nothing is held back."""


def _open(uri: str) -> BinaryIO:
    if storage.is_local(uri):
        return cast(BinaryIO, open(storage.absolute(uri), "wb", buffering=0))  # noqa: PTH123  closed by the class
    fs, path = storage.filesystem(uri)
    return cast(BinaryIO, fs.open(path, "wb"))
