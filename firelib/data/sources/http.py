"""Sources on web servers: `http://…` and `https://…`, with resumed downloads, retries and progress."""

from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import httpx
import stamina

from firelib import storage
from firelib.console import progress
from firelib.data.sources.raw_file import RawFile, hash_raw_file, name_download
from firelib.errors import FirelibError
from firelib.recipe import Source


def download(source: Source, downloads: Path) -> Path:
    """Download a source, or find the file of an earlier download.

    Args:
        source: An `http://` or `https://` URI with its hash.
        downloads: Folder that keeps downloaded files, by hash.

    Returns:
        Path of the complete file in `downloads`.

    Raises:
        FirelibError: The download fails, or the content has another hash.
    """
    uri, sha256 = str(source), source.total_sha256
    assert sha256  # Source requires it for downloads
    final = find_download(uri, sha256, downloads)
    if final.exists() and hash_raw_file(final).has_hash(sha256):
        return final
    downloads.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(final.name + ".part")
    try:
        with storage.explain_full_disk(str(downloads)):
            _resume(uri, partial)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FirelibError(f"the download failed: {error}", where=f"source {uri}", remedy=_remedy(error)) from None
    _check_hash(hash_raw_file(partial), uri, sha256)
    partial.replace(final)
    return final


def find_download(uri: str, sha256: str, downloads: Path) -> Path:
    """The path of a download, which may not be there yet.

    Args:
        uri: What is downloaded.
        sha256: Hash of the content.
        downloads: Folder of downloads.
    """
    name = PurePosixPath(urlsplit(uri).path).name or "download"
    return downloads / name_download(sha256.lower()[:16], name)


def supports_ranges(uri: str) -> bool:
    """Whether a server sends parts of a file."""
    headers = {"Accept-Encoding": "identity", "Range": "bytes=0-0"}
    try:
        with httpx.stream("GET", uri, headers=headers, follow_redirects=True, timeout=30) as response:
            return response.status_code == httpx.codes.PARTIAL_CONTENT
    except (httpx.HTTPError, httpx.InvalidURL):
        return False  # the download explains what is wrong


def _check_hash(raw: RawFile, uri: str, expected: str) -> None:
    if raw.has_hash(expected):
        return
    raw.path.unlink()  # a resumed download would append to the wrong bytes
    raise FirelibError(
        f"expected a download with sha256 {expected}, got {raw.sha256}",
        where=f"source {uri}",
        remedy="the source has changed: check the new file, then put its sha256 into the recipe",
    )


def _remedy(error: Exception) -> str:
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol) or not _is_transient(error):
        return "check the address in the recipe"
    return "run the same command again: it resumes the download"


def _is_transient(error: Exception) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500 or error.response.status_code == httpx.codes.TOO_MANY_REQUESTS
    return isinstance(error, httpx.TransportError)


@stamina.retry(on=_is_transient, attempts=4, timeout=None, wait_initial=0.5, wait_max=10)
def _resume(uri: str, partial: Path) -> None:
    """Append the missing bytes; a server without range requests sends the whole file again."""
    have = partial.stat().st_size if partial.exists() else 0
    headers = {"Accept-Encoding": "identity"}  # a compressed response has other bytes, and other ranges
    if have:
        headers["Range"] = f"bytes={have}-"
    with httpx.stream("GET", uri, headers=headers, follow_redirects=True, timeout=30) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the file is complete, or too long: its hash tells
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        _append(response, partial, have if resumed else 0)


def _append(response: httpx.Response, partial: Path, have: int) -> None:
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else None
    with partial.open("ab" if have else "wb") as file, progress(f"download {partial.name}", total) as advance:
        for chunk in response.iter_raw():  # a chunk size would buffer bytes, which a cut connection would lose
            have += file.write(chunk)
            advance(have, total)
