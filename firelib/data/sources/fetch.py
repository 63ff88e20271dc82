"""Fetch the raw files of a source, and check their hashes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from firelib.data.sources.listing import SourceFile, list_files
from firelib.data.sources.raw_file import RawFile, RawFiles, combine_hashes, hash_raw_file
from firelib.data.sources.schemes import find_fetcher
from firelib.errors import FirelibError
from firelib.recipe import Source

_PARALLEL = 8  # downloads at a time


def fetch(source: Source, downloads: Path, folder: Path | None = None) -> RawFiles:
    """The raw files of a source.

    Args:
        source: What to fetch.
        downloads: Folder that keeps downloaded files, by hash or ETag.
        folder: Folder to search first, by file name, for files with a known hash (`FIRELIB_SOURCES`).

    Raises:
        FirelibError: The scheme is unknown, or a file does not exist, cannot be downloaded, or has another hash.
    """
    copy = next(find_copies(source, folder), None)
    if copy is not None:
        return _check_total(_as_one(replace(hash_raw_file(copy), name=copy.name)), source)
    files = list_files(source)
    if not files[0].is_listed:
        return _check_total(_as_one(_fetch_file(files[0], source, downloads, folder)), source)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        raw = tuple(pool.map(lambda file: _fetch_file(file, source, downloads, folder), files))
    return _check_total(RawFiles(raw, combine_hashes(raw)), source)


def find_copies(source: Source, folder: Path | None) -> Iterator[Path]:
    """Local files to use instead of a source. Without its hash, nothing tells whether a file is a copy.

    Args:
        source: The source.
        folder: Folder to search first, by file name.

    Raises:
        FirelibError: The folder does not exist.
    """
    if folder and not folder.is_dir():
        raise FirelibError(
            f"the folder {folder} does not exist", where="FIRELIB_SOURCES", remedy="unset or correct FIRELIB_SOURCES"
        )
    if source.total_sha256 is None or isinstance(source.uri, tuple):
        return
    name = PurePosixPath(urlsplit(source.uri).path).name
    named = [folder / name, folder / name.removesuffix(".gz")] if folder and name else []
    yield from (path for path in [*named, *map(Path, source.copies)] if path.is_file())


def _fetch_file(file: SourceFile, source: Source, downloads: Path, folder: Path | None) -> RawFile:
    single = replace(source, uri=file.uri, sha256=file.sha256, copies=())
    path = next(find_copies(single, folder), None) or find_fetcher(file.uri)(single, downloads)
    if not path.is_file():
        raise FirelibError(f"the file {path} does not exist", where=f"source {source}", remedy="check the path")
    raw = replace(hash_raw_file(path), name=file.name, is_listed=file.is_listed)
    if file.sha256:
        _check_hash(raw, file.sha256, f"source {file.uri} ({path})")
    return raw


def _as_one(raw: RawFile) -> RawFiles:
    return RawFiles((raw,), raw.sha256)


def _check_hash(raw: RawFile, expected: str, where: str) -> None:
    if not raw.has_hash(expected):
        raise _other_hash(expected, raw.sha256, where)


def _check_total(raw: RawFiles, source: Source) -> RawFiles:
    """Check the hash that is declared for all files together."""
    expected = source.total_sha256
    if expected and raw.sha256 != expected.lower():
        where = f"source {source} ({raw.where})"
        if len(raw.files) > 1:
            raise _other_hash(expected, raw.sha256, where)
        _check_hash(raw.files[0], expected, where)
    return raw


def _other_hash(expected: str, actual: str, where: str) -> FirelibError:
    return FirelibError(
        f"expected content with sha256 {expected}, got {actual}",
        where=where,
        remedy="the source has changed: check the file, then put its sha256 into the recipe",
    )
