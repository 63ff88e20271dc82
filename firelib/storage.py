"""Files anywhere, through fsspec: read, hash, and publish so that a reader sees all or nothing."""

import errno
import hashlib
import json
import os
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
    return str(Path(uri.removeprefix("file://")).absolute()) if is_local(uri) else uri.rstrip("/")


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
    """A folder to fill that takes the final name when the block ends well, and vanishes when it does not."""
    final.parent.mkdir(parents=True, exist_ok=True)
    for leftover in final.parent.glob(f".{final.name}.*.tmp"):
        shutil.rmtree(leftover)  # of a run that was killed
    work = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}.", suffix=".tmp"))
    work.chmod(0o755)
    try:
        with explain_full_disk(str(final)):
            yield work
        if final.exists():
            shutil.rmtree(final)
        work.replace(final)
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def explain_full_disk(where: str) -> Iterator[None]:
    """Turn "no space left" into an error that says where and what to do; nothing else is touched."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise FirelibError(
            f"the disk is full: {error.strerror}", where=where, remedy="free space, then run the same command again"
        ) from error


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
