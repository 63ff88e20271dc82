"""The kinds of sources, found by the scheme of a URI. `docs/sources.md` shows how to add one."""

from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Source

#: Group of the entry points with which other packages add schemes.
GROUP = "firelib.sources"

# Scheme → module:function. A module is imported on use, so that only downloads import httpx.
_BUILT_IN = {
    "": "firelib.data.sources.local:find_local_file",
    "file": "firelib.data.sources.local:find_local_file",
    "gcs": "firelib.data.sources.bucket:download_object",
    "gs": "firelib.data.sources.bucket:download_object",
    "http": "firelib.data.sources.http:download",
    "https": "firelib.data.sources.http:download",
    "pkg": "firelib.data.sources.package:find_package_file",
    "s3": "firelib.data.sources.bucket:download_object",
}


class Fetcher(Protocol):
    """A function that makes a source's file available on this machine."""

    def __call__(self, source: Source, downloads: Path) -> Path:
        """Return the path of the source's file.

        Args:
            source: The source; its URI has a scheme that the function is registered for.
            downloads: Folder to keep downloaded files in; it may not exist yet.

        Raises:
            FirelibError: The file cannot be found or fetched.
        """
        ...


def check_scheme(uri: str) -> None:
    """Refuse a URI with an unknown scheme; imports nothing.

    Raises:
        FirelibError: The scheme is unknown.
    """
    _find_entry(uri)


def find_fetcher(uri: str) -> Fetcher:
    """The function that fetches sources with the scheme of a URI.

    Raises:
        FirelibError: The scheme is unknown.
    """
    return cast(Fetcher, _find_entry(uri).load())


def _find_entry(uri: str) -> EntryPoint:
    scheme, separator, _ = uri.partition("://")
    scheme = scheme if separator else ""
    entry = next((entry for entry in _entries() if entry.name == scheme), None)
    if entry is None:
        known = sorted({entry.name for entry in _entries()} - {""})
        raise FirelibError(
            f"unknown scheme {scheme!r}, expected {', '.join(known)} or the path of a local file",
            where=f"source {uri}",
            remedy=did_you_mean(scheme, known),
        )
    return entry


def _entries() -> Iterator[EntryPoint]:
    for scheme, function in _BUILT_IN.items():
        yield EntryPoint(scheme, function, GROUP)
    yield from entry_points(group=GROUP)
