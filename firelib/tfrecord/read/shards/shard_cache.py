"""The cache of remote and of decompressed shards: named by content, shared by all processes of a host, bounded in size.

A process holds a shared lock (`flock`) on every copy that it uses; the kernel releases the lock when the process ends.
Copies that no process uses are evicted, least recently used first; other files in the folder stay. A process holds the
lock of the folder while it adds or removes a file.
"""

import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xxhash

from firelib import storage
from firelib.config import load_environment
from firelib.errors import FirelibError

_CHUNK = 1 << 20
_RESERVED_BYTES = 64 << 20  # the most room that is reserved at a time for a copy whose size is not known
_LOCK = ".lock"
#: Suffixes of a partial copy and of its block map (see `sparse_copy`).
PARTIAL_SUFFIX, BLOCK_MAP_SUFFIX = ".part", ".marks"

# The names of copies: a hash, and what has been done to the shard. Other files in the folder are not firelib's.
_COPY_NAME = re.compile(r"[0-9a-f]{32}(\.raw|\.[0-9a-f]{8}\.part|\.\w+\.tmp)?")


def cache_folder() -> Path:
    """The cache's folder: below `FIRELIB_CACHE`, otherwise below the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "firelib"
    return (load_environment().cache or default) / "shards"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder, so that no other process adds or removes copies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as file:
        _lock(file.fileno(), folder)
        yield


def open_shared(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a copy, with a shared lock that protects it from eviction while the descriptor is open.

    Args:
        path: The copy.
        flags: Flags of `os.open`.

    Returns:
        A file descriptor, which the caller closes.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        _lock(descriptor, path.parent, shared=True)
    except FirelibError:
        os.close(descriptor)
        raise
    os.utime(descriptor)  # eviction goes by the modification time
    return descriptor


def _lock(descriptor: int, folder: Path, shared: bool = False, wait: bool = True) -> None:
    if not storage.lock_file(descriptor, shared, wait):
        raise FirelibError(
            "the file system of the shard cache has no locks, which keep processes from removing each other's copies",
            where=str(folder),
            remedy="set FIRELIB_CACHE to a folder on a local disk",
        )


def make_room(folder: Path, size: int) -> bool:
    """Evict unused copies until a file fits. The caller holds the folder's lock.

    Args:
        folder: The cache's folder.
        size: Bytes of the file to add.

    Returns:
        Whether the file fits into the cache's limit and onto the disk.
    """
    files = {path: path.stat() for path in folder.iterdir() if _COPY_NAME.fullmatch(path.name)}
    limit = int(load_environment().cache_gib * 2**30)
    used = sum(stat.st_size for stat in files.values())
    for path in sorted(files, key=lambda path: files[path].st_mtime_ns):
        if used + size <= limit and size <= shutil.disk_usage(folder).free:
            break
        if _evict(path):
            used -= files[path].st_size
    return used + size <= limit and size <= shutil.disk_usage(folder).free


def _evict(path: Path) -> bool:
    """Remove a copy unless a process uses it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        _lock(descriptor, path.parent, wait=False)
        remove_copy(path)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def remove_copy(path: Path) -> None:
    """Remove a copy, its block map first: a partial copy without a map counts as empty."""
    if path.suffix == PARTIAL_SUFFIX:
        path.with_suffix(BLOCK_MAP_SUFFIX).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def decompress_shard(uri: str, content_hash: str, compression: str, size: int | None, is_hash: bool) -> Path:
    """Decompress a file into the cache, unless the cache already holds the result.

    Room for the result is checked and reserved before anything is written.

    Args:
        uri: The compressed file, local or remote.
        content_hash: Names the copy, so that it is never used for another file of the same URI.
        compression: `gzip` or `zlib`.
        size: Bytes of the result; None if they are not known. Room is then made as the result grows.
        is_hash: Whether `content_hash` is the XXH3 hash of the compressed file, which is then verified.

    Returns:
        The decompressed copy.

    Raises:
        FirelibError: The cache has no room for the copy.
        EOFError: The file is truncated.
        zlib.error: The file is damaged, or has another size or hash than expected.
    """
    folder = cache_folder()
    path = folder / f"{content_hash}.raw"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    fs, remote = storage.filesystem(uri)
    with tempfile.NamedTemporaryFile(
        dir=folder, prefix=f"{content_hash}.", suffix=".tmp", delete=False, buffering=0
    ) as target:
        work = Path(target.name)
        _lock(target.fileno(), folder, shared=True)
        try:
            copy = _GrowingCopy(target.fileno(), folder)
            with storage.explain_full_disk(str(folder)), fs.open(remote, "rb") as raw:
                if size is not None:
                    copy.reserve(size)
                digest = _decompress(raw, copy, compression, size)
            if is_hash and digest != content_hash:
                raise zlib.error("its hash differs from the one in the manifest")
            with lock_folder(folder):
                work.replace(path)  # processes that decompress the same file at the same time produce the same bytes
        finally:
            work.unlink(missing_ok=True)
    return path


class _GrowingCopy:
    """A copy being written. Its size includes the room that is reserved, so that other processes count it as used.

    Args:
        descriptor: The open file.
        folder: The cache's folder.
    """

    def __init__(self, descriptor: int, folder: Path) -> None:
        self._descriptor, self._folder = descriptor, folder
        self._reserved = self.written = 0

    def reserve(self, size: int) -> None:
        """Make room for a copy of this size."""
        with lock_folder(self._folder):
            if not make_room(self._folder, size - self._reserved):
                raise FirelibError(
                    f"the cache has no room for a decompressed shard of {size / 2**20:.0f} MiB or more",
                    where=str(self._folder),
                    remedy="set a larger FIRELIB_CACHE_GIB, or free space on the disk",
                )
            os.ftruncate(self._descriptor, size)
            self._reserved = size

    def write(self, data: bytes) -> None:
        """Append bytes."""
        if self.written + len(data) > self._reserved:
            self.reserve(self.written + max(len(data), min(self.written, _RESERVED_BYTES)))
        view = memoryview(data)
        while view:
            count = os.pwrite(self._descriptor, view, self.written)
            view, self.written = view[count:], self.written + count

    def finish(self) -> None:
        """Give back the room that was not needed."""
        os.ftruncate(self._descriptor, self.written)


def _decompress(source: Any, copy: _GrowingCopy, compression: str, size: int | None) -> str:
    """Decompress all members of a stream and concatenate them; return the hash of the compressed bytes."""
    bits = zlib.MAX_WBITS + (16 if compression == "gzip" else 0)
    engine, digest, data = zlib.decompressobj(bits), xxhash.xxh3_128(), source.read(_CHUNK)
    digest.update(data)
    while data:
        copy.write(engine.decompress(data, _CHUNK))  # at most a chunk at a time: the data may expand a thousandfold
        if size is not None and copy.written > size:
            raise zlib.error(f"expected {size} bytes, got more")
        data = engine.unconsumed_tail or engine.unused_data
        if not data:
            data = source.read(_CHUNK)
            digest.update(data)
        if engine.eof and data:
            engine = zlib.decompressobj(bits)
    if not engine.eof:
        raise EOFError("the compressed stream ends early")
    if size is not None and copy.written < size:
        raise zlib.error(f"expected {size} bytes, got {copy.written}")
    copy.finish()
    return digest.hexdigest()
