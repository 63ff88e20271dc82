"""Files anywhere, through fsspec: read, hash, and publish so that a reader sees all or nothing."""

import errno
import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import fsspec
import stamina

from firelib.errors import FirelibError

_CHUNK = 1 << 20


def is_local(uri: str) -> bool:
    """Whether a URI means a path on this machine."""
    return "://" not in uri or uri.startswith(("file://", "local://"))


def absolute(uri: str) -> str:
    """A URI that means the same from any working directory (Ray's workers have another one)."""
    if not is_local(uri):
        return uri.rstrip("/")
    return str(Path(uri.removeprefix("file://").removeprefix("local://")).expanduser().absolute())


def join(uri: str, *parts: str) -> str:
    """A URI below another."""
    return "/".join([uri.rstrip("/"), *parts])


def filesystem(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system that holds a URI, and the path inside it.

    Raises:
        FirelibError: The package for its scheme is not installed.
    """
    try:
        # What other processes have written since must be seen.
        fs, path = fsspec.core.url_to_fs(uri, use_listings_cache=False)
    except ImportError as error:
        raise FirelibError(str(error), where=uri, remedy="install it (gs:// needs gcsfs, s3:// needs s3fs)") from None
    return fs, path


def exists(uri: str) -> bool:
    fs, path = filesystem(uri)
    return bool(fs.exists(path))


def make_folder(uri: str) -> None:
    fs, path = filesystem(uri)
    fs.makedirs(path, exist_ok=True)


def remove_folder(uri: str) -> None:
    """Remove a folder and all in it; one that is not there is no error."""
    fs, path = filesystem(uri)
    if fs.exists(path):
        fs.rm(path, recursive=True)


def remove_file(uri: str) -> None:
    """Remove a file; one that is not there is no error."""
    fs, path = filesystem(uri)
    if fs.exists(path):
        fs.rm_file(path)


def read_bytes(uri: str) -> bytes:
    fs, path = filesystem(uri)
    return bytes(_cat(fs, path))


def read_ranges(ranges: Sequence[tuple[str, int, int]]) -> list[bytes]:
    """Parts of files of one storage, all requested at once; failures that may pass are tried again.

    Args:
        ranges: A file's URI, the first byte, and the one after the last.

    Returns:
        The bytes of each; of a server that knows no ranges, all bytes of the file.
    """
    if not ranges:
        return []
    fs, _ = filesystem(ranges[0][0])
    paths = [fs._strip_protocol(uri) for uri, _, _ in ranges]
    return _cat_ranges(fs, paths, [start for _, start, _ in ranges], [stop for _, _, stop in ranges])


def read_head(uri: str, size: int) -> bytes:
    """The first bytes of a file; fewer if it is shorter."""
    fs, path = filesystem(uri)
    with fs.open(path, "rb", block_size=size, cache_type="none") as file:
        return bytes(file.read(size))


def is_transient(error: Exception) -> bool:
    """Whether a failure of a storage may pass: everything that is not known to stay."""
    stays = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, NotImplementedError)
    if isinstance(error, (*stays, FirelibError, TypeError, ValueError)):
        return False
    code = getattr(error, "code", None) or getattr(error, "status", None)  # gcsfs, aiohttp
    return not (isinstance(code, int) and 400 <= code < 500 and code not in (408, 429))


_retried = stamina.retry(on=is_transient, attempts=5, timeout=60.0, wait_initial=0.2, wait_max=5.0)


@_retried
def _cat(fs: fsspec.AbstractFileSystem, path: str) -> Any:
    return fs.cat_file(path)


@_retried
def _cat_ranges(fs: fsspec.AbstractFileSystem, paths: list[str], starts: list[int], stops: list[int]) -> list[bytes]:
    return list(fs.cat_ranges(paths, starts, stops, on_error="raise"))


def sizes(folder: str, names: Sequence[str]) -> dict[str, int | None]:
    """Name → bytes of a folder's files, from one listing; what is missing is left out, what is unknown is None."""
    fs, path = filesystem(folder)
    if "http" in str(fs.protocol):  # servers of files list nothing
        found = {name: _info(join(folder, name)) for name in names}
        return {name: info.get("size") for name, info in found.items() if info is not None}
    try:
        entries = _ls(fs, path)
    except FileNotFoundError:
        return {}
    return {entry["name"].rpartition("/")[2]: entry["size"] for entry in entries if entry["type"] == "file"}


@_retried
def _info(uri: str) -> dict[str, Any] | None:
    fs, path = filesystem(uri)
    try:
        return dict(fs.info(path))
    except FileNotFoundError:
        return None


@_retried
def _ls(fs: fsspec.AbstractFileSystem, path: str) -> list[dict[str, Any]]:
    return list(fs.ls(path, detail=True))


def read_json(uri: str) -> Any:
    """The content of a JSON file; a missing or torn one is a `FirelibError`."""
    try:
        return json.loads(read_bytes(uri))
    except FileNotFoundError:
        raise FirelibError(f"there is no {uri}", remedy="run the stage that makes it (dvc dag shows which)") from None
    except ValueError as error:
        raise FirelibError(f"{uri} is not JSON: {error}", remedy="delete it and run its stage again") from None


def to_json(value: Any) -> bytes:
    """JSON that depends on the value alone, and that people can read and diff."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def write_bytes(uri: str, data: bytes) -> None:
    """Write a file whole or not at all."""
    fs, path = filesystem(uri)
    with explain_full_disk(uri):
        if not is_local(uri):
            fs.pipe_file(path, data)  # object stores show an object only when it is complete
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def publish_folder(final: Path) -> Iterator[Path]:
    """A folder to fill that takes the final name when the block ends well, and vanishes when it does not.

    Raises:
        FirelibError: The final name belongs to a file, or the disk is full.
    """
    final = final.resolve()  # a link to a folder elsewhere stays, and its folder is replaced
    if final.exists() and not final.is_dir():
        raise FirelibError("there is a file where a folder should go", where=str(final), remedy="move it away")
    final.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(final)
    work = _folder_beside(final)
    try:
        with explain_full_disk(str(final)):
            yield work
        _replace_folder(work, final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _folder_beside(final: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.", suffix=".tmp"))
    folder.chmod(0o755)
    return folder


def _remove_leftovers(final: Path) -> None:
    """Folders of runs that were killed. What `_folder_beside` adds has no dot, so `a.b` is safe from `a`."""
    ours = re.compile(rf"\.{re.escape(final.name)}\.[^.]+\.tmp")
    for path in final.parent.iterdir():
        if ours.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)


def _replace_folder(work: Path, final: Path) -> None:
    """Put one folder in the place of another by renaming: a reader never sees one half removed."""
    if not final.exists():
        work.replace(final)
        return
    old = _folder_beside(final)
    final.replace(old)  # over the empty folder
    try:
        work.replace(final)
    except OSError:
        old.replace(final)
        raise
    shutil.rmtree(old)


@contextmanager
def explain_full_disk(where: str) -> Iterator[None]:
    """Turn "no space left" into an error that says where and what to do; nothing else is touched."""
    try:
        yield
    except Exception as error:
        if not is_full_disk(error):
            raise
        raise FirelibError(
            "the disk is full", where=where, remedy="free space, then run the same command again"
        ) from error


def is_full_disk(error: Exception) -> bool:
    """Whether there is no space left. Libraries in Rust (Delta's) pass the system's error on as text."""
    numbers = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in numbers
    return any(f"(os error {number})" in str(error) for number in numbers)


def sha256_file(path: Path) -> str:
    """SHA-256 of a local file, in hex."""
    with path.open("rb") as file:
        return _sha256(file)


def sha256_content(path: Path) -> str:
    """SHA-256 of what a local file holds, in hex: a gzip file is unpacked; a damaged one is hashed as it is."""
    try:
        with gzip.open(path) as file:
            return _sha256(file)
    except (OSError, EOFError, zlib.error):  # not gzip, or a damaged one: then its reader will say so
        return sha256_file(path)


def _sha256(file: IO[bytes] | gzip.GzipFile) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(to_json(value)).hexdigest()
