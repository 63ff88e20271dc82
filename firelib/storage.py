"""Files anywhere, through fsspec: read, hash, and publish so that a reader sees all or nothing."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

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
    """The file system that holds a URI, and the path inside it."""
    fs, path = fsspec.core.url_to_fs(uri)
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


def read_bytes(uri: str) -> bytes:
    fs, path = filesystem(uri)
    return bytes(fs.cat_file(path))


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
        if not _is_full_disk(error):
            raise
        raise FirelibError(
            "the disk is full", where=where, remedy="free space, then run the same command again"
        ) from error


def _is_full_disk(error: Exception) -> bool:
    """Libraries in Rust (Delta's) pass the system's error on as text."""
    numbers = (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in numbers
    return any(f"(os error {number})" in str(error) for number in numbers)


def sha256_file(path: Path) -> str:
    """SHA-256 of a local file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(to_json(value)).hexdigest()
