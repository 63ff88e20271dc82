"""Objects of buckets: `s3://…` and `gs://…`, kept by their ETag. Large ones are read in several ranges at a time."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from threading import BoundedSemaphore

from firelib import storage
from firelib.console import progress
from firelib.data.sources.listing import object_state
from firelib.data.sources.raw_file import name_download
from firelib.errors import FirelibError, UnreachableError
from firelib.recipe import Source
from firelib.storage.retry import retry_transient

_RANGE_BYTES = 16 * 2**20
_PARALLEL = 8
_RANGES = BoundedSemaphore(_PARALLEL)  # of all downloads together, so that memory does not grow with their number


class MissingObjectError(FirelibError):
    """There is no such object in the bucket."""


def download_object(source: Source, downloads: Path) -> Path:
    """Download an object, or find the file of an earlier download of the same content.

    Args:
        source: An `s3://` or `gs://` URI of one object.
        downloads: Folder that keeps downloaded files, by URI and ETag.

    Raises:
        MissingObjectError: The object does not exist.
        FirelibError: The bucket cannot be read.
    """
    uri = str(source)
    state = read_object_state(uri)
    key = hashlib.sha256(f"{uri} {state}".encode()).hexdigest()[:16]
    final = downloads / name_download(key, PurePosixPath(uri).name)
    if final.exists():
        return final
    downloads.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f"{final.name}.{storage.Owner.current().token}.part")
    try:
        with storage.explain_storage(uri), storage.explain_full_disk(str(downloads)):
            _copy(uri, partial)
        if read_object_state(uri) != state:
            raise UnreachableError(
                "the object changed while it was downloaded", where=f"source {uri}", remedy="run the command again"
            )
        partial.replace(final)
    except FileNotFoundError:
        raise _missing(uri) from None
    finally:
        partial.unlink(missing_ok=True)
    return final


def _copy(uri: str, partial: Path) -> None:
    """Download an object; `read_object_state` tells afterwards whether its ranges are those of one version."""
    size = int(str(_read_info(uri).get("size") or 0))
    if size <= _RANGE_BYTES:
        _copy_whole(uri, partial)
        return
    starts, copied = range(0, size, _RANGE_BYTES), 0
    with (
        progress(f"download {PurePosixPath(uri).name}", size) as advance,
        partial.open("wb") as file,
        ThreadPoolExecutor(_PARALLEL) as pool,
    ):
        for count in pool.map(lambda start: _copy_range(uri, file.fileno(), start, start + _RANGE_BYTES), starts):
            copied += count
            advance(copied, size)
    if copied != size:
        raise UnreachableError(
            f"expected {size} bytes of the object, got {copied}", where=f"source {uri}", remedy="run the command again"
        )


@retry_transient
def _copy_whole(uri: str, partial: Path) -> None:
    fs, path = storage.filesystem(uri)
    fs.get_file(path, str(partial))


@retry_transient
def _copy_range(uri: str, file: int, start: int, stop: int) -> int:
    """Write a range of an object at its offset in a file, and return the number of bytes."""
    fs, path = storage.filesystem(uri)
    with _RANGES:
        return os.pwrite(file, fs.cat_file(path, start=start, end=stop), start)


def read_object_state(uri: str) -> str:
    """What tells the content of an object: its ETag or hash, and its size.

    Raises:
        MissingObjectError: The object does not exist.
        FirelibError: The bucket is missing, or cannot be used.
    """
    try:
        with storage.explain_storage(uri):
            return object_state(_read_info(uri))
    except FileNotFoundError:
        raise _missing(uri) from None


@retry_transient
def _read_info(uri: str) -> dict[str, object]:
    fs, path = storage.filesystem(uri)
    return dict(fs.info(path))


def _missing(uri: str) -> MissingObjectError:
    return MissingObjectError(f"the object {uri} does not exist", where=f"source {uri}", remedy="check the URI")
