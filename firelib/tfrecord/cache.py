"""Local copies of remote shards, named by content, shared by all processes of a host."""

import os
import tempfile
from pathlib import Path

from firelib import storage


def cache_folder() -> Path:
    """`FIRELIB_CACHE`, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "firelib"
    return Path(os.environ.get("FIRELIB_CACHE", default)) / "shards"


def cached(uri: str, content_hash: str) -> Path:
    """A local copy of a remote file, fetched once.

    Args:
        uri: The file.
        content_hash: Names the copy, so that another file at the same place is never taken for it.
    """
    path = cache_folder() / content_hash
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    fs, remote = storage.filesystem(uri)
    descriptor, work = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    os.close(descriptor)
    try:
        with storage.explain_full_disk(str(path.parent)):
            fs.get_file(remote, work)
        Path(work).replace(path)  # processes that fetch it at the same time end with the same file
    finally:
        Path(work).unlink(missing_ok=True)
    return path
