"""The first rows of files, on this machine, in a bucket or on a web server."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from firelib import storage
from firelib.data.formats.format import Format
from firelib.data.formats.read import read_raw_files
from firelib.data.sources.fetch import fetch, find_copies
from firelib.data.sources.listing import SourceFile, is_bucket, list_files, local_path
from firelib.data.sources.raw_file import RawFile, RawFiles
from firelib.data.sources.schemes import check_scheme
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source

_MOST_FILES = {True: 20, False: 3}  # of a folder on this machine, and elsewhere


def preview_files(source: Source, paths: Paths, recipe: Recipe | None, table: str, rows: int) -> pa.Table:
    """The first rows of the first files of a source.

    Args:
        source: The source.
        paths: Where downloads and copies of raw files are.
        recipe: Its string features and its key decide types that a format would infer.
        table: Name of the table, for errors.
        rows: Greatest number of rows.

    Raises:
        FirelibError: A file does not exist, or cannot be read; or the first files have different columns.
    """
    for uri in source.uris:
        check_scheme(uri)
    copy = next(find_copies(source, paths.sources), None)
    files = [SourceFile(str(copy), copy.name)] if copy else list_files(source)
    files = files[: _MOST_FILES[local_path(files[0].uri) is not None]]
    raw = tuple(_to_raw(file, source, paths) for file in files)

    def read_head(kind: Format, file: RawFile, options: Source) -> pa.Table:
        if kind.read_head is None:
            return kind.read(file.path, options).slice(0, rows)
        with _open(files[raw.index(file)].uri, file.path) as stream:
            return kind.read_head(stream, file.name or file.path.name, options, rows)

    return read_raw_files(RawFiles(raw, ""), source, recipe, table, read_file=read_head).slice(0, rows)


def _to_raw(file: SourceFile, source: Source, paths: Paths) -> RawFile:
    path = local_path(file.uri)
    if path is None and not _is_readable_in_parts(file):
        path = fetch(replace(source, uri=file.uri, sha256=file.sha256, copies=()), paths.downloads).files[0].path
    if path is not None and not path.is_file():
        raise FirelibError(f"the file {path} does not exist", where=f"source {source}", remedy="check the path")
    return RawFile(path or Path(file.uri), "", file.name, file.is_listed)


def _is_readable_in_parts(file: SourceFile) -> bool:
    return is_bucket(file.uri)


@contextmanager
def _open(uri: str, path: Path) -> Iterator[IO[bytes]]:
    if not is_bucket(uri):
        with path.open("rb") as stream:
            yield stream
        return
    with suppress(FileNotFoundError):
        fs, name = storage.filesystem(uri)
        with fs.open(name, "rb", block_size=1 << 20) as stream:
            yield cast(IO[bytes], stream)
        return
    raise FirelibError(f"the object {uri} does not exist", where=f"source {uri}", remedy="check the URI")
