"""The cache of remote and of decompressed shards: named by content, shared by all processes of a host, bounded in size.

A process holds a shared lock (`flock`) on every copy that it uses; the kernel releases the lock when the process ends.
Copies that no process uses are evicted, least recently used first. A process holds the lock of the folder while it adds
or removes a file.
"""

import fcntl
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.config import load_environment
from firelib.errors import FirelibError

_CHUNK = 1 << 20
_LOCK = ".lock"
#: Suffixes of a partial copy and of its block map (see `sparse_copy`).
PARTIAL_SUFFIX, BLOCK_MAP_SUFFIX = ".part", ".marks"


def cache_folder() -> Path:
    """The cache's folder: below `FIRELIB_CACHE`, otherwise below the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "firelib"
    return (load_environment().cache or default) / "shards"


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder, so that no other process adds or removes copies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
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
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.utime(descriptor)  # eviction goes by the modification time
    return descriptor


def make_room(folder: Path, size: int) -> bool:
    """Evict unused copies until a file fits. The caller holds the folder's lock.

    Args:
        folder: The cache's folder.
        size: Bytes of the file to add.

    Returns:
        Whether the file fits into the cache's limit and onto the disk.
    """
    files = {path: path.stat() for path in folder.iterdir() if path.name != _LOCK and path.suffix != BLOCK_MAP_SUFFIX}
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
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
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


def decompress_shard(uri: str, content_hash: str, compression: str) -> Path:
    """Decompress a file into the cache, unless the cache already holds the result.

    Args:
        uri: The compressed file, local or remote.
        content_hash: Names the copy, so that it is never used for another file of the same URI.
        compression: `gzip` or `zlib`.

    Returns:
        The decompressed copy.

    Raises:
        FirelibError: The cache has no room for the copy.
        EOFError: The file is truncated.
        zlib.error: The file is damaged.
    """
    folder = cache_folder()
    path = folder / f"{content_hash}.raw"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    fs, remote = storage.filesystem(uri)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as target:
        work = Path(target.name)
        fcntl.flock(target, fcntl.LOCK_SH)
        try:
            with storage.explain_full_disk(str(folder)), fs.open(remote, "rb") as raw:
                _decompress(raw, target, compression)
                target.flush()
            with lock_folder(folder):
                _check_room(folder)
                work.replace(path)  # processes that decompress the same file at the same time produce the same bytes
        finally:
            work.unlink(missing_ok=True)
    return path


def _check_room(folder: Path) -> None:
    if not make_room(folder, 0):
        raise FirelibError(
            "the cache has no room for a decompressed shard",
            where=str(folder),
            remedy="set a larger FIRELIB_CACHE_GIB",
        )


def _decompress(source: Any, target: Any, compression: str) -> None:
    """Decompress all members of a stream and concatenate them."""
    bits = zlib.MAX_WBITS + (16 if compression == "gzip" else 0)
    engine, data = zlib.decompressobj(bits), source.read(_CHUNK)
    while data:
        target.write(engine.decompress(data))
        data = engine.unused_data or source.read(_CHUNK)
        if engine.eof and data:
            engine = zlib.decompressobj(bits)
    if not engine.eof:
        raise EOFError("the compressed stream ends early")
