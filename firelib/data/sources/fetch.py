"""Fetch raw files: from an installed package, from disk, or over http(s) (resumed, hashed, with progress).

A file's identity is the hash of what it holds: a `.gz` is hashed unpacked, so the same data give the same lake
wherever they were found and however they were packed.
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import httpx
import stamina

from firelib import storage
from firelib.console import progress
from firelib.errors import FirelibError
from firelib.recipe import Source


@dataclass(frozen=True)
class RawFile:
    """A source's bytes on this machine.

    Attributes:
        path: Local file.
        sha256: Hash of what it holds, in hex.
    """

    path: Path
    sha256: str


def fetch(source: Source, downloads: Path, folder: Path | None = None) -> RawFile:
    """The raw file of a source.

    Args:
        source: What to fetch.
        downloads: Folder that keeps downloaded files, by hash.
        folder: Where to look first, by name, for files whose hash is known.

    Raises:
        FirelibError: It is not there, cannot be reached, or has another hash.
    """
    path = next(_copies(source, folder), None) or _original(source, downloads)
    if not path.is_file():
        raise FirelibError(f"there is no file {path}", where=f"source {source.uri}", remedy="check the path")
    raw = RawFile(path, storage.sha256_content(path))
    if source.sha256 and not _has_hash(raw, source.sha256):
        raise FirelibError(
            f"the sha256 of its content is {raw.sha256}, not {source.sha256}",
            where=f"source {source.uri} ({path})",
            remedy="the source has changed: check it, then put the new hash into the recipe",
        )
    return raw


def _copies(source: Source, folder: Path | None) -> Iterator[Path]:
    """Files on this machine that stand in for a source; without its hash nothing could tell whether they do."""
    if folder and not folder.is_dir():
        raise FirelibError(f"there is no folder {folder}", where="FIRELIB_SOURCES", remedy="unset or correct it")
    if not source.sha256:
        return
    name = PurePosixPath(urlsplit(source.uri).path).name
    named = [folder / name, folder / name.removesuffix(".gz")] if folder else []
    yield from (path for path in [*named, *map(Path, source.copies)] if path.is_file())


def _original(source: Source, downloads: Path) -> Path:
    if source.uri.startswith("pkg://"):
        return _in_package(source.uri)
    if source.uri.startswith(("http://", "https://")):
        return _download(source, downloads)
    return Path(source.uri.removeprefix("file://"))


def _has_hash(raw: RawFile, expected: str) -> bool:
    """Whether content or file have the hash: publishers of a `.gz` name that of the file."""
    return expected.lower() == raw.sha256 or expected.lower() == storage.sha256_file(raw.path)


def _in_package(uri: str) -> Path:
    """A file inside an installed package, found without importing the package (its code may not run here)."""
    package, _, inside = uri.removeprefix("pkg://").partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FirelibError(
            f"the package {package!r} is not installed",
            where=f"source {uri}",
            remedy=f"uv add {package} (or pip install)",
        )
    return Path(next(iter(spec.submodule_search_locations)), inside)


def _download(source: Source, downloads: Path) -> Path:
    assert source.sha256
    name = PurePosixPath(urlsplit(source.uri).path).name or "download"
    final = downloads / f"{source.sha256.lower()[:16]}-{name}"
    if final.exists() and _has_hash(RawFile(final, storage.sha256_content(final)), source.sha256):
        return final
    downloads.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(final.name + ".part")
    try:
        with storage.explain_full_disk(str(downloads)):
            _resume(source.uri, partial)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FirelibError(
            f"the download failed: {error}",
            where=f"source {source.uri}",
            remedy=_remedy(error),
        ) from None
    raw = RawFile(partial, storage.sha256_content(partial))
    if not _has_hash(raw, source.sha256):
        partial.unlink()  # resuming a wrong file would never end well
        raise FirelibError(
            f"the sha256 of what was downloaded is {raw.sha256}, not {source.sha256}",
            where=f"source {source.uri}",
            remedy="the source has changed: check it, then put the new hash into the recipe",
        )
    partial.replace(final)
    return final


def _remedy(error: Exception) -> str:
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol) or not _is_transient(error):
        return "check the address in the recipe"
    return "run the same command again: it goes on where it stopped"


def _is_transient(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code == httpx.codes.TOO_MANY_REQUESTS
    return isinstance(error, httpx.TransportError)


@stamina.retry(on=_is_transient, attempts=4, timeout=None, wait_initial=0.5, wait_max=10)
def _resume(uri: str, partial: Path) -> None:
    """Append what is missing; a server without ranges sends everything anew."""
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # a compressed answer has other bytes, and other ranges
    if have:
        headers["Range"] = f"bytes={have}-"
    with httpx.stream("GET", uri, headers=headers, follow_redirects=True, timeout=30) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is missing; the hash decides
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        _append(response, partial, have if resumed else 0)


def _append(response: httpx.Response, partial: Path, have: int) -> None:
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else None
    with partial.open("ab" if have else "wb") as file, progress(f"download {partial.name}", total) as advance:
        for chunk in response.iter_raw():  # as it comes: a chunk size would hold bytes back, and a cut lose them
            have += file.write(chunk)
            advance(have, total)
