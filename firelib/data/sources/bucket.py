"""Objects of buckets: `s3://…` and `gs://…`, kept by their ETag."""

import hashlib
from pathlib import Path, PurePosixPath

from firelib import storage
from firelib.data.sources.listing import object_state
from firelib.errors import FirelibError, UnreachableError
from firelib.recipe import Source
from firelib.storage.retry import retry_transient


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
    final = downloads / f"{hashlib.sha256(f'{uri} {state}'.encode()).hexdigest()[:16]}-{PurePosixPath(uri).name}"
    if final.exists():
        return final
    downloads.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f"{final.name}.{storage.Owner.current().token}.part")
    try:
        with storage.explain_full_disk(str(downloads)), storage.explain_storage(uri):
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


@retry_transient
def _copy(uri: str, partial: Path) -> None:
    fs, path = storage.filesystem(uri)
    fs.get_file(path, str(partial))  # in blocks: memory does not grow with the object


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
