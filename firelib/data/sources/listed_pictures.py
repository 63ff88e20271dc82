"""The pictures that the rows of a file name, with paths relative to that file."""

import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from firelib.data.file_sets.partitions import shorten
from firelib.data.pictures.picture_file import Picture
from firelib.data.sources.bucket import MissingObjectError
from firelib.data.sources.listing import is_bucket, is_on_this_machine
from firelib.data.sources.schemes import find_fetcher
from firelib.errors import FirelibError
from firelib.recipe import Source

_NO_NAME = Picture(problem="the row names no picture")


class _Listed(Protocol):
    @property
    def is_listed(self) -> bool: ...


def check_picture_source(source: Source, files: Sequence[_Listed]) -> None:
    """Refuse `images=` with several files, or where pictures cannot be beside the file.

    Args:
        source: The source.
        files: Its files.

    Raises:
        FirelibError: The source has, or may have, several files, or is on a web server.
    """
    if len(files) > 1 or files[0].is_listed:
        raise FirelibError(
            f"images= reads one file, and the pictures below its folder, got {len(files)} from a folder, a pattern or "
            "several URIs",
            where=f"source {source}",
            remedy="declare one source for each file, and concatenate their tables in transform",
        )
    if not (is_bucket(str(source)) or is_on_this_machine(str(source))):
        raise FirelibError(
            "images= needs pictures beside the file: on this machine or in a bucket",
            where=f"source {source}",
            remedy="download the file and its pictures, and name the file's path",
        )


def picture_names(rows: pa.Table, source: Source, where: str) -> list[str | None]:
    """The paths of pictures in the column `source.images`.

    Args:
        rows: The rows.
        source: Names the column.
        where: The source, for errors.

    Raises:
        FirelibError: There is no such column of text, or a path leaves the folder of the file: a table of others
            could read any picture of this machine.
    """
    column = str(source.images)
    if column not in rows.column_names or not pa.types.is_string(rows.schema.field(column).type):
        problem = "is no text" if column in rows.column_names else "does not exist"
        raise FirelibError(
            f"the column {column!r}, which images= names, {problem}",
            where=where,
            remedy=f"name the column with the paths of the pictures; columns: {', '.join(rows.column_names)}",
        )
    names: list[str | None] = rows[column].to_pylist()
    outside = list(dict.fromkeys(name for name in names if name is not None and _leaves_folder(name)))
    if outside:
        raise FirelibError(
            f"column {column!r} has {len(outside)} paths outside of the folder of the file: {shorten(outside)}",
            where=where,
            remedy="write paths relative to the file, of pictures in its folder or below",
        )
    return names


def find_pictures(names: Sequence[str | None], file: Path, source: Source, downloads: Path) -> list[Path | Picture]:
    """The files of the pictures that rows name; for a picture that does not exist, the reason.

    Args:
        names: The path in each row, relative to the file.
        file: The file with the rows, on this machine.
        source: Its source.
        downloads: Folder of downloads, for pictures in a bucket.

    Raises:
        FirelibError: The bucket cannot be read.
    """
    return [_NO_NAME if name is None else _find(posixpath.normpath(name), file, source, downloads) for name in names]


def _find(name: str, file: Path, source: Source, downloads: Path) -> Path | Picture:
    """A file is looked up by its normal path: for the system, `link/..` is the folder above the link's target."""
    if name == ".":
        return _NO_NAME
    if not is_bucket(str(source)):
        return file.parent / name
    uri = f"{str(source).rpartition('/')[0]}/{name}"
    try:
        return find_fetcher(uri)(Source(uri), downloads)
    except MissingObjectError:
        return Picture(problem="the object does not exist")


def _leaves_folder(name: str) -> bool:
    return posixpath.normpath(name).startswith(("/", "../")) or posixpath.normpath(name) == ".."
