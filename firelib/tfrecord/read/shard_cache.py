"""Local copies of remote and of compressed shards: named by content, shared by all processes of a host, bounded.

A copy in use carries a shared lock (`flock`), which ends with its process, however that ends. Room is made by removing
those that nobody uses, least recently used first. Whoever adds or removes a file holds the folder's own lock.
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
#: Ends of the names of a copy that is not whole yet, and of what says which blocks it has.
PART, MARKS = ".part", ".marks"


def cache_folder() -> Path:
    """`FIRELIB_CACHE`, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "firelib"
    return (load_environment().cache or default) / "shards"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from adding and removing copies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def open_in_use(path: Path, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a copy that keeps it from being removed."""
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    os.utime(descriptor)  # used just now
    return descriptor


def has_room(folder: Path, size: int) -> bool:
    """Whether a file of `size` bytes may be added; others are removed if need be. Needs the folder's lock."""
    files = {path: path.stat() for path in folder.iterdir() if path.name != _LOCK and path.suffix != MARKS}
    limit = int(load_environment().cache_gib * 2**30)
    used = sum(stat.st_size for stat in files.values())
    for path in sorted(files, key=lambda path: files[path].st_mtime_ns):
        if used + size <= limit and size <= shutil.disk_usage(folder).free:
            break
        if _removed(path):
            used -= files[path].st_size
    return used + size <= limit and size <= shutil.disk_usage(folder).free


def _removed(path: Path) -> bool:
    """Remove a file unless a process uses it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(path)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def remove(path: Path) -> None:
    """Remove a copy. Marks go first: without them a copy counts as empty, they without it would lie."""
    if path.suffix == PART:
        path.with_suffix(MARKS).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def unpacked(uri: str, content_hash: str, compression: str) -> Path:
    """A local copy of a compressed file that is not compressed, made once.

    Args:
        uri: The file, anywhere.
        content_hash: Names the copy, so that another file at the same place is never taken for it.
        compression: `gzip` or `zlib`.

    Raises:
        FirelibError: There is no room for it.
        EOFError, zlib.error: The file is damaged.
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
                _unpack(raw, target, compression)
                target.flush()
            with locked(folder):
                _check_room(folder)
                work.replace(path)  # processes that make it at the same time end with the same file
        finally:
            work.unlink(missing_ok=True)
    return path


def _check_room(folder: Path) -> None:
    if not has_room(folder, 0):
        raise FirelibError(
            "the cache has no room for an unpacked shard", where=str(folder), remedy="a larger FIRELIB_CACHE_GIB"
        )


def _unpack(source: Any, target: Any, compression: str) -> None:
    """Inflate all members of a stream, one behind the other."""
    bits = zlib.MAX_WBITS + (16 if compression == "gzip" else 0)
    engine, data = zlib.decompressobj(bits), source.read(_CHUNK)
    while data:
        target.write(engine.decompress(data))
        data = engine.unused_data or source.read(_CHUNK)
        if engine.eof and data:
            engine = zlib.decompressobj(bits)
    if not engine.eof:
        raise EOFError("it ends too early")
