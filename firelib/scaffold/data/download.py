"""Data on a web server: the recipe needs their hash, so that the same data come back later."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import httpx

from firelib.console import progress
from firelib.data.sources.http import find_download
from firelib.data.sources.raw_file import hash_raw_file
from firelib.errors import FirelibError
from firelib.recipe import Source
from firelib.scaffold.data.csv_sniffer import sniff_dialect

_Data = TypeVar("_Data")
_Build = Callable[[Source, dict[str, Any], str, dict[Path, str]], _Data]


def download_source(uri: str, downloads: Path, build: "_Build[_Data]") -> _Data:
    """Download a file. The new project gets it in `downloads/`, where `firelib extract` finds it.

    Args:
        uri: The file's address.
        downloads: Folder for the file.
        build: Makes the result of the source, its arguments, its name, and the file to copy.

    Raises:
        FirelibError: The address has a password, or the download fails.
    """
    Source(uri, sha256="0" * 64)  # refuses a password before it is sent or shown
    partial = downloads / "partial"
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        _download(uri, partial)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FirelibError(
            f"the download failed: {error}", where=uri, remedy="check the address, and try again"
        ) from None
    except OSError as error:
        raise FirelibError(
            f"cannot write {downloads}: {error.strerror}", where=uri, remedy="free some disk space, or set TMPDIR"
        ) from None
    sha256 = hash_raw_file(partial).sha256
    final = find_download(uri, sha256, downloads)
    partial.replace(final)
    dialect = sniff_dialect(final)
    options: dict[str, Any] = {"sha256": sha256, **({"csv": dialect} if dialect else {})}
    name = PurePosixPath(unquote(urlsplit(uri).path)).name or "download"
    return build(Source(uri, **options), {"uri": uri, **options}, name, {final: f"downloads/{final.name}"})


def _download(uri: str, path: Path) -> None:
    with httpx.stream("GET", uri, follow_redirects=True, timeout=30) as response, path.open("wb") as file:
        response.raise_for_status()
        length = response.headers.get("Content-Length")
        with progress("download", int(length) if length else None) as advance:
            for chunk in response.iter_bytes():
                file.write(chunk)
                advance(file.tell())
