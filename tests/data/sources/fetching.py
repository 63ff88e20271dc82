"""Fetch sources of a single file."""

from pathlib import Path

from firelib.data.sources import fetch as fetching
from firelib.data.sources.raw_file import RawFile
from firelib.recipe import Source


def fetch(source: Source, downloads: Path, folder: Path | None = None) -> RawFile:
    (file,) = fetching.fetch(source, downloads, folder).files
    return file
