"""Create a file only if none has its name: of several processes, one succeeds."""

import errno
import os
import uuid
from contextlib import suppress
from pathlib import Path

import fsspec

from firelib.storage.durable import make_durable_folder, sync_folder
from firelib.storage.explain import explain_storage
from firelib.storage.files import read_bytes
from firelib.storage.retry import retry_transient
from firelib.storage.uris import filesystem, is_local

# FAT, and some file systems in user space and of containers, have no hard links.
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


def create_bytes(uri: str, data: bytes) -> bool:
    """Write a file that does not exist yet, atomically and durably.

    Object stores decide this themselves, by a condition of the request (`If-None-Match`, `ifGenerationMatch`).

    Args:
        uri: The file.
        data: The content. Include something unique to tell your own file from that of another process.

    Returns:
        Whether the file has this content now; False if there is one with other content, which stays.

    Raises:
        FirelibError: The disk is full, or the bucket cannot be used.
    """
    fs, path = filesystem(uri)
    with explain_storage(uri):
        try:
            if is_local(uri):
                _link(Path(path), data)
            else:
                _put(fs, path, data)
        except FileExistsError:
            # The answer to an earlier attempt may have been lost.
            with suppress(FileNotFoundError):
                return read_bytes(uri) == data
            return False
    return True


@retry_transient
def _put(fs: fsspec.AbstractFileSystem, path: str, data: bytes) -> None:
    try:
        fs.pipe_file(path, data, mode="create")
    except OSError as error:  # s3fs does not translate what stores other than Amazon's answer
        if getattr(error.__cause__, "response", {}).get("Error", {}).get("Code") in ("PreconditionFailed", "412"):
            raise FileExistsError(path) from error
        raise


def _link(path: Path, data: bytes) -> None:
    """Write a local file beside its name, then link it: the name never shows a part of the content."""
    make_durable_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        _write_new(temporary, data)
        try:
            os.link(temporary, path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _write_new(path, data)  # a reader may see a part of it
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _write_new(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
