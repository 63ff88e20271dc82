"""URIs of local and remote files, and the file systems that hold them."""

from pathlib import Path

import fsspec

from firelib.errors import FirelibError


def is_local(uri: str) -> bool:
    """Whether a URI is a path on this machine."""
    return "://" not in uri or uri.startswith(("file://", "local://"))


def absolute(uri: str) -> str:
    """A URI that does not depend on the working directory (Ray's workers have another one)."""
    if not is_local(uri):
        return uri.rstrip("/")
    return str(Path(uri.removeprefix("file://").removeprefix("local://")).expanduser().absolute())


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
        raise FirelibError(
            str(error), where=uri, remedy="install the package (gs:// needs gcsfs, s3:// needs s3fs)"
        ) from None
    return fs, path
