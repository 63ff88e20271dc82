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
from firelib.scaffold.csv_sniffer import sniff_dialect

_Data = TypeVar("_Data")


def download_source(uri: str, project: Path, build: Callable[[Source, dict[str, Any], str], _Data]) -> _Data:
    """Download a file into the project's `downloads/`, where `firelib extract` finds it.

    Args:
        uri: The file's address.
        project: Folder of the new project.
        build: Makes the result of the source, its arguments and its name.

    Raises:
        FirelibError: The download fails.
    """
    name = unquote(PurePosixPath(urlsplit(uri).path).name) or "download"
    folder = project / "downloads"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{name}.init"
        _download(uri, partial)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FirelibError(
            f"the download failed: {error}", where=uri, remedy="check the address, and try again"
        ) from None
    except OSError as error:
        raise FirelibError(
            f"cannot write {folder}: {error.strerror}", where=uri, remedy="choose another folder"
        ) from None
    sha256 = hash_raw_file(partial).sha256
    final = find_download(uri, sha256, folder)
    partial.replace(final)
    dialect = sniff_dialect(final)
    options: dict[str, Any] = {"sha256": sha256, **({"csv": dialect} if dialect else {})}
    return build(Source(uri, **options), {"uri": uri, **options}, name)


def _download(uri: str, path: Path) -> None:
    with httpx.stream("GET", uri, follow_redirects=True, timeout=30) as response, path.open("wb") as file:
        response.raise_for_status()
        length = response.headers.get("Content-Length")
        with progress(f"download {path.stem}", int(length) if length else None) as advance:
            for chunk in response.iter_bytes():
                file.write(chunk)
                advance(file.tell())
