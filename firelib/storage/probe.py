"""Try a bucket before long work starts: credentials, rights, and whether it exists."""

import os
import threading
import uuid

import fsspec

from firelib.errors import UnreachableError
from firelib.storage.create import create_bytes
from firelib.storage.error_kinds import ErrorKind
from firelib.storage.explain import build_error, explain_storage
from firelib.storage.files import read_bytes, remove_file
from firelib.storage.uris import filesystem, is_local, join

#: Begins the name of the object that a probe writes and removes.
PROBE_PREFIX = ".firelib-probe-"
_SECONDS = 30.0


def probe_storage(root: str, seconds: float = _SECONDS) -> None:
    """Create, read and remove a small object below a URI; do nothing for a local folder.

    Args:
        root: The URI, such as `s3://bucket/prefix`.
        seconds: How long to wait for all of it. The libraries' own retries may take minutes.

    Raises:
        BucketError: The bucket is missing, or cannot be used with these credentials, rights, region or clock.
        UnreachableError: The store does not answer in time.
        FirelibError: The package for the scheme is not installed.
    """
    if is_local(root):
        return
    fs, _ = filesystem(root)  # imports the package, which takes seconds of its own
    if _is_anonymous(fs):
        raise build_error(ErrorKind.CREDENTIALS, "none were found", root)
    failed: list[Exception] = []
    thread = threading.Thread(target=_try, args=(root, failed), daemon=True)  # the process may end before it does
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise UnreachableError(
            f"no answer within {seconds:g} s",
            where=root,
            remedy="check the network, proxies and AWS_ENDPOINT_URL, then run the same command again",
        )
    if failed:
        raise failed[0]


def _is_anonymous(fs: fsspec.AbstractFileSystem) -> bool:
    """Whether gcsfs has found no credentials. It then tries without, and repeats what the store refuses for minutes."""
    if "gs" not in fs.protocol or "STORAGE_EMULATOR_HOST" in os.environ:
        return False
    return fs.credentials.credentials is None


def _try(root: str, failed: list[Exception]) -> None:
    uri = join(root, f"{PROBE_PREFIX}{uuid.uuid4().hex}")
    try:
        with explain_storage(root):
            create_bytes(uri, b"firelib tries whether it may write here\n")
            read_bytes(uri)
            remove_file(uri)
    except Exception as error:  # noqa: BLE001  raised by the caller's thread
        failed.append(error)
