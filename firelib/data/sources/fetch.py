"""Fetch the raw file of a source, and check its hash."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from firelib.data.sources.local import check_local_file
from firelib.data.sources.raw_file import RawFile, hash_raw_file
from firelib.data.sources.schemes import find_fetcher
from firelib.errors import FirelibError
from firelib.recipe import Source


def fetch(source: Source, downloads: Path, folder: Path | None = None) -> RawFile:
    """The raw file of a source.

    Args:
        source: What to fetch.
        downloads: Folder that keeps downloaded files, by hash.
        folder: Folder to search first, by file name, for sources with a known hash (`FIRELIB_SOURCES`).

    Raises:
        FirelibError: The scheme is unknown, or the file does not exist, is a folder, cannot be downloaded, or has
            another hash.
    """
    path = next(_find_copies(source, folder), None) or find_fetcher(source.uri)(source, downloads)
    check_local_file(source)
    if not path.is_file():
        raise FirelibError(f"the file {path} does not exist", where=f"source {source.uri}", remedy="check the path")
    raw = hash_raw_file(path)
    if source.sha256 and not raw.has_hash(source.sha256):
        raise FirelibError(
            f"expected content with sha256 {source.sha256}, got {raw.sha256}",
            where=f"source {source.uri} ({path})",
            remedy="the source has changed: check the file, then put its sha256 into the recipe",
        )
    return raw


def _find_copies(source: Source, folder: Path | None) -> Iterator[Path]:
    """Local files to use instead of a source. Without its hash, nothing tells whether a file is a copy."""
    if folder and not folder.is_dir():
        raise FirelibError(
            f"the folder {folder} does not exist", where="FIRELIB_SOURCES", remedy="unset or correct FIRELIB_SOURCES"
        )
    if not source.sha256:
        return
    name = PurePosixPath(urlsplit(source.uri).path).name
    named = [folder / name, folder / name.removesuffix(".gz")] if folder else []
    yield from (path for path in [*named, *map(Path, source.copies)] if path.is_file())
