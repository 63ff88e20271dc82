"""A shard file open for writing: it hashes, counts and optionally compresses the records, and writes the index."""

import gzip
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self, cast

import numpy as np
import numpy.typing as npt
import xxhash

from firelib import storage
from firelib.tfrecord.format.manifest import Shard, index_name

Compression = Literal["gzip"] | None

_GZIP_LEVEL = 6
_MIN_BLOCK = 1 << 18  # bytes whose hash takes longer than the handover to a thread


class ShardFile:
    """A context manager that writes framed records to a local or remote file.

    Args:
        uri: The file.
        compression: Compression of the file as a whole.
        indexed: Whether to write an index beside the file (canonical layout).

    Attributes:
        bytes: Bytes of the records written so far, before compression.
        shard: The manifest's entry for the file; set when the context ends without an error.
    """

    def __init__(self, uri: str, compression: Compression, indexed: bool) -> None:
        self.bytes = 0
        self.shard: Shard
        self._uri, self._rows = uri, 0
        self._file = _HashingFile(_open(uri))
        # The gzip header contains neither a name nor a time, so that the same rows give the same bytes.
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
            self.shard = self._finish()

    def write(self, block: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> None:
        """Append framed records.

        Args:
            block: Their bytes, contiguous uint8.
            ends: Offset in the block where each record ends.
        """
        (self._gzip or self._file).write(block.data)
        if self._index is not None:
            self._index.append(self.bytes + ends)
        self.bytes += block.size
        self._rows += len(ends)

    def _finish(self) -> Shard:
        """Write the index, and describe the file for the manifest."""
        name, digest = self._uri.rpartition("/")[2], self._file.digest.hexdigest()
        index = None
        if self._index is not None:
            # The offset of each record's frame and the end of the last one, as little-endian int64.
            content = np.concatenate(self._index).astype("<i8").tobytes()
            storage.write_bytes(index_name(self._uri), content)
            index = xxhash.xxh3_128_hexdigest(content)
        return Shard(name=name, rows=self._rows, bytes=self._file.size, xxh128=digest, index_xxh128=index)


class _HashingFile:
    """A binary file that hashes and counts the bytes written to it; a thread hashes a block while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest, self.size = file, xxhash.xxh3_128(), 0
        self._hasher = ThreadPoolExecutor(1, "firelib-hash")  # starts a thread with the first block

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self.size += (size := len(view))
        if size < _MIN_BLOCK:
            self.digest.update(view)
            self._write(view)
            return size
        hashed = self._hasher.submit(self.digest.update, view)
        try:
            self._write(view)
        finally:
            hashed.result()  # the caller may reuse the memory
        return size

    def _write(self, view: memoryview) -> None:
        while view:  # an unbuffered file may write fewer bytes than requested
            view = view[self._file.write(view) :]

    def close(self) -> None:
        self._hasher.shutdown()
        self._file.close()

    def flush(self) -> None:
        """Do nothing: GzipFile calls this method, and no bytes are buffered."""


def _open(uri: str) -> BinaryIO:
    if storage.is_local(uri):
        return cast(BinaryIO, open(storage.absolute(uri), "wb", buffering=0))  # noqa: PTH123  ShardFile closes it
    fs, path = storage.filesystem(uri)
    return cast(BinaryIO, fs.open(path, "wb"))
