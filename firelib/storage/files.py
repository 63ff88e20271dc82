"""Read, write and remove files and folders of any file system."""

import os
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from glob import has_magic
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from firelib.storage.durable import make_durable_folder, sync_folder
from firelib.storage.explain import explain_storage
from firelib.storage.full_disk import explain_full_disk
from firelib.storage.retry import retry_transient
from firelib.storage.uris import absolute, filesystem, is_local, join


def exists(uri: str) -> bool:
    """Whether a file or folder exists."""
    fs, path = filesystem(uri)
    with explain_storage(uri):
        return bool(_call(fs.exists, path))


def make_folder(uri: str) -> None:
    """Create a folder and its parents; an existing folder stays."""
    fs, path = filesystem(uri)
    if is_local(uri):
        make_durable_folder(Path(path))
    else:
        with explain_storage(uri):
            _call(fs.makedirs, path, exist_ok=True)


def remove_folder(uri: str) -> None:
    """Remove a folder with its content; a missing folder is not an error."""
    fs, path = filesystem(uri)
    with explain_storage(uri), suppress(FileNotFoundError):  # another process may remove it, too
        _rm(fs, path)


def remove_empty_folder(uri: str) -> None:
    """Remove a folder that nothing is in; another one stays. Buckets have no empty folders."""
    fs, path = filesystem(uri)
    with suppress(OSError):
        fs.rmdir(path)


def remove_file(uri: str) -> None:
    """Remove a file; a missing file is not an error."""
    fs, path = filesystem(uri)
    with explain_storage(uri), suppress(FileNotFoundError):  # another process may remove it, too
        _rm_file(fs, path)


def read_bytes(uri: str) -> bytes:
    """The content of a file; transient errors are retried."""
    fs, path = filesystem(uri)
    with explain_storage(uri):
        return bytes(_call(fs.cat_file, path))


def read_back(uri: str) -> bytes:
    """The content of a file that was just written: a local one from the disk, not from the system's page cache."""
    if is_local(uri):
        with Path(filesystem(uri)[1]).open("rb") as file, suppress(OSError):  # not on every file system
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return read_bytes(uri)


def read_ranges(ranges: Sequence[tuple[str, int, int]]) -> list[bytes]:
    """Ranges of files of one file system, all requested at once; transient errors are retried.

    Args:
        ranges: URI of the file, offset of the first byte, and offset after the last byte.

    Returns:
        The bytes of each range; the whole file where the server does not support ranges.
    """
    if not ranges:
        return []
    if is_local(ranges[0][0]):
        return [_read_range(*one) for one in ranges]
    fs, _ = filesystem(ranges[0][0])
    paths = [fs._strip_protocol(uri) for uri, _, _ in ranges]
    with explain_storage(ranges[0][0]):
        starts, stops = [start for _, start, _ in ranges], [stop for _, _, stop in ranges]
        return list(_call(fs.cat_ranges, paths, starts, stops, on_error="raise"))


def _read_range(uri: str, start: int, stop: int) -> bytes:
    with Path(absolute(uri)).open("rb") as file:  # through fsspec, a small range takes several times as long
        file.seek(start)
        return file.read(stop - start)


def read_head(uri: str, size: int) -> bytes:
    """The first bytes of a file.

    Args:
        uri: The file.
        size: Number of bytes; a shorter file gives fewer.
    """
    fs, path = filesystem(uri)
    with explain_storage(uri), fs.open(path, "rb", block_size=size, cache_type="none") as file:
        return bytes(file.read(size))


def list_names(folder: str) -> list[str]:
    """Names of the files and folders in a folder, sorted; empty if the folder does not exist."""
    fs, path = filesystem(folder)
    try:
        with explain_storage(folder):
            entries = {entry.rstrip("/") for entry in _call(fs.ls, path, detail=False)}
    except FileNotFoundError:
        return []
    own = path.rstrip("/")  # which some tools create in buckets, as an empty object
    return sorted(entry.rpartition("/")[2] for entry in entries if entry != own)


def sizes(folder: str, names: Sequence[str]) -> dict[str, int | None]:
    """Sizes of the files in a folder, from one listing.

    Args:
        folder: URI of the folder.
        names: Files to look up on a web server, which cannot list a folder.

    Returns:
        Name → size in bytes, or None for an unknown size. A missing file has no entry.
    """
    fs, path = filesystem(folder)
    if "http" in str(fs.protocol):
        infos = {name: _info(join(folder, name)) for name in names}
        return {name: info.get("size") for name, info in infos.items() if info is not None}
    try:
        with explain_storage(folder):
            entries = _call(fs.ls, path, detail=True)
    except FileNotFoundError:
        return {}
    return {entry["name"].rpartition("/")[2]: entry["size"] for entry in entries if entry["type"] == "file"}


def file_size(uri: str) -> int | None:
    """Size of a file in bytes; None if it is missing, or a web server does not tell."""
    with explain_storage(uri):
        info = _info(uri)
    return None if info is None or info.get("size") is None else int(info["size"])


def upload_file(file: Path, uri: str) -> None:
    """Copy a local file; transient errors are retried. In a bucket, a reader sees all of it, or none.

    Args:
        file: The local file.
        uri: The copy; an existing file is replaced.

    Raises:
        FirelibError: The bucket cannot be used.
    """
    fs, path = filesystem(uri)
    with explain_storage(uri):
        _call(fs.put_file, str(file), path)


def upload_folder(folder: Path, uri: str) -> None:
    """Copy the files of a local folder, and of the folders in it; transient errors are retried.

    Args:
        folder: The local folder.
        uri: The new folder; files with the same names are replaced.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        target = join(uri, file.relative_to(folder).as_posix())
        if is_local(uri):
            make_folder(target.rpartition("/")[0])
        upload_file(file, target)


def download_file(uri: str, file: Path) -> None:
    """Copy a file to this machine; transient errors are retried.

    Args:
        uri: The file.
        file: The local copy; an existing file is replaced, and folders above it are created.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    fs, path = filesystem(uri)
    with explain_storage(uri), explain_full_disk(str(file)):
        file.parent.mkdir(parents=True, exist_ok=True)
        _call(fs.get_file, path, str(file))


def download_folder(uri: str, folder: Path) -> None:
    """Copy the files of a folder, and of the folders in it, to this machine; transient errors are retried.

    Args:
        uri: The folder.
        folder: The local folder; files with the same names are replaced.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    fs, path = filesystem(uri)
    with explain_storage(uri), explain_full_disk(str(folder)):
        for file in _call(fs.find, path):
            target = folder / file.removeprefix(path).strip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            _call(fs.get_file, file, str(target))


def age_seconds(uri: str) -> float | None:
    """Seconds since a file was written; None if it is gone or the file system cannot tell.

    A bucket's clock decides for its objects, since that of this host may be wrong.
    """
    modified = modified_at(uri)
    now = None if modified is None else read_clock(uri.rpartition("/")[0])
    return None if modified is None or now is None else now - modified


def read_clock(folder: str) -> float | None:
    """The time of a file system in seconds since 1970; None if it cannot tell.

    Args:
        folder: A folder that may be written to. In a bucket, it gets a new object for a moment.
    """
    if is_local(folder):
        return time.time()
    uri = join(folder, f".{uuid.uuid4().hex}.tmp")
    try:
        write_bytes(uri, b"")
        return modified_at(uri)
    finally:
        remove_file(uri)


def modified_at(uri: str) -> float | None:
    """When a file was written, in seconds since 1970, by the clock of its storage; None if it is gone or not known."""
    fs, path = filesystem(uri)
    try:
        with explain_storage(uri):
            return float(_call(fs.modified, path).timestamp())
    except (NotImplementedError, FileNotFoundError, KeyError):
        return None


def write_bytes(uri: str, data: bytes) -> None:
    """Write a file atomically and durably: a reader sees the old content or the new one, also after a power failure.

    Args:
        uri: The file; an existing one is replaced.
        data: The content.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    fs, path = filesystem(uri)
    with explain_storage(uri):
        if not is_local(uri):
            _call(fs.pipe_file, path, data)  # object stores publish an object when it is complete
            return
        target = Path(path)
        make_durable_folder(target.parent)
        # Processes of several hosts may write the same file, and have the same id.
        temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


@retry_transient
def _call(request: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a method of a file system; transient errors are retried."""
    return request(*arguments, **options)


@retry_transient
def _rm(fs: fsspec.AbstractFileSystem, path: str) -> None:
    if has_magic(path) and not isinstance(fs, LocalFileSystem):
        for file in fs.find(path):  # `rm` would take the path for a pattern, and remove what matches it
            fs.rm_file(file)
    elif fs.exists(path):
        fs.rm(path, recursive=True)


@retry_transient
def _rm_file(fs: fsspec.AbstractFileSystem, path: str) -> None:
    if fs.exists(path):
        fs.rm_file(path)


@retry_transient
def _info(uri: str) -> dict[str, Any] | None:
    fs, path = filesystem(uri)
    try:
        return dict(fs.info(path))
    except FileNotFoundError:
        return None
