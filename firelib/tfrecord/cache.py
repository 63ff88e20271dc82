"""Local, uncompressed copies of shards, named by content, shared by all processes of a host."""

import gzip
import os
import shutil
import tempfile
from pathlib import Path

from firelib import storage

_CHUNK = 1 << 20


def cache_folder() -> Path:
    """`FIRELIB_CACHE`, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "firelib"
    return Path(os.environ.get("FIRELIB_CACHE", default)) / "shards"


def cached(uri: str, content_hash: str, unpack: bool = False) -> Path:
    """A local copy of a file, fetched once.

    Args:
        uri: The file, anywhere.
        content_hash: Names the copy, so that another file at the same place is never taken for it.
        unpack: The file is compressed with gzip; the copy is not.
    """
    path = cache_folder() / (f"{content_hash}.raw" if unpack else content_hash)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    fs, remote = storage.filesystem(uri)
    descriptor, work = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with storage.explain_full_disk(str(path.parent)), os.fdopen(descriptor, "wb") as target, fs.open(remote) as raw:
            source = gzip.GzipFile(fileobj=raw) if unpack else raw
            shutil.copyfileobj(source, target, _CHUNK)
        Path(work).replace(path)  # processes that fetch it at the same time end with the same file
    finally:
        Path(work).unlink(missing_ok=True)
    return path
