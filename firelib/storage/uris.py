"""URIs of local and remote files, and the file systems that hold them."""

import logging
import re
from pathlib import Path

import fsspec

from firelib.errors import FirelibError
from firelib.extras import install_command

_S3_RETRIES = 2
_PLAIN = re.compile(r"(/[^/.][^/]*)+")  # an absolute path that pathlib would not change; it takes many times as long


def is_local(uri: str) -> bool:
    """Whether a URI is a path on this machine."""
    return "://" not in uri or uri.startswith(("file://", "local://"))


def is_relative(uri: str) -> bool:
    """Whether a URI is a path whose meaning depends on the working directory, the project, or the user (`~`)."""
    return is_local(uri) and not _strip_scheme(uri).startswith("/")


def absolute(uri: str, folder: Path | None = None) -> str:
    """A URI that does not depend on the working directory (Ray's workers have another one).

    Args:
        uri: A path, in which `~` is the home folder, or a URI.
        folder: Folder that relative paths start from; by default the working directory.
    """
    if not is_local(uri):
        return uri.rstrip("/")
    if _PLAIN.fullmatch(uri):
        return uri
    return str((folder or Path()).absolute() / Path(_strip_scheme(uri)).expanduser())


def _strip_scheme(uri: str) -> str:
    return uri.removeprefix("file://").removeprefix("local://")


def join(uri: str, *parts: str) -> str:
    """The URI of a file or folder below a URI.

    Args:
        uri: A folder; a trailing slash does not matter.
        parts: Names of the folders and the file below it.
    """
    return "/".join([uri.rstrip("/"), *parts])


def filesystem(uri: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """The file system that holds a URI, and the path inside it.

    Raises:
        FirelibError: The package for the scheme is not installed.
    """
    try:
        # Without a cache of listings, because other processes write files, too.
        fs, path = fsspec.core.url_to_fs(uri, use_listings_cache=False)
    except ImportError as error:
        extra = {"gs": "gcs", "gcs": "gcs", "s3": "s3"}.get(uri.partition("://")[0])
        remedy = install_command([extra]) if extra else "install the package that reads this scheme"
        raise FirelibError(str(error), where=uri, remedy=remedy) from None
    if "gs" in fs.protocol:  # its tracebacks: `explain` says what they mean
        logging.getLogger("gcsfs").setLevel(logging.CRITICAL)
    if "s3" in fs.protocol:  # botocore repeats a request five times each time: a store that hangs takes 15 s for each
        fs.retries = _S3_RETRIES
    return fs, path
