"""The first rows of files, on this machine, in a bucket or on a web server."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import IO, cast

import pyarrow as pa

from firelib import storage
from firelib.data.formats.detect import check_format
from firelib.data.formats.format import Format, Head
from firelib.data.formats.read import read_raw_files
from firelib.data.preview.first_rows import FirstRows
from firelib.data.sources.fetch import fetch, find_copies
from firelib.data.sources.listed_pictures import check_picture_source
from firelib.data.sources.listing import SourceFile, is_bucket, list_files, local_path
from firelib.data.sources.raw_file import RawFile, RawFiles
from firelib.data.sources.schemes import check_scheme
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source

_MOST_FILES = 20  # of a folder
_MOST_REMOTE_FILES = 3  # each costs several requests


def preview_files(source: Source, paths: Paths, recipe: Recipe | None, table: str, rows: int) -> FirstRows:
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
    if source.images:
        check_picture_source(source, files)
    chosen = files[: _MOST_REMOTE_FILES if local_path(files[0].uri) is None else _MOST_FILES]
    raw = tuple(_to_raw(file, source, paths) for file in chosen)
    cut: set[RawFile] = set()  # files with more rows

    def read_head(kind: Format, file: RawFile, options: Source) -> pa.Table:
        head = _read_head(kind, file, chosen[raw.index(file)].uri, options, rows)
        if not head.is_complete:
            cut.add(file)
        return head.rows

    content = read_raw_files(RawFiles(raw, ""), source, recipe, table, read_file=read_head)
    first = FirstRows.cut(content, rows)
    return FirstRows(first.rows, first.is_complete and len(chosen) == len(files) and not cut)


def _read_head(kind: Format, file: RawFile, uri: str, options: Source, rows: int) -> Head:
    if kind.read_head is None:
        return Head.cut(kind.read(file.path, options), rows)
    with _open(uri, file.path) as stream:
        return kind.read_head(stream, file.name or file.path.name, options, rows)


def _to_raw(file: SourceFile, source: Source, paths: Paths) -> RawFile:
    path = local_path(file.uri)
    is_known = check_format(source, PurePosixPath(file.name).name) is not None
    if path is None and not (is_known and _is_readable_in_parts(file, paths)):
        path = fetch(replace(source, uri=file.uri, sha256=file.sha256, copies=()), paths.downloads).files[0].path
    if path is not None and not path.is_file():
        raise FirelibError(f"the file {path} does not exist", where=f"source {source}", remedy="check the path")
    return RawFile(path or Path(file.uri), "", file.name, file.is_listed)


def _is_readable_in_parts(file: SourceFile, paths: Paths) -> bool:
    """Whether a remote file can be read in parts, and has not been downloaded yet."""
    if is_bucket(file.uri):
        return True
    if not _is_on_server(file.uri):
        return False
    from firelib.data.sources.http import find_download, supports_ranges  # imports httpx

    return not find_download(file.uri, str(file.sha256), paths.downloads).exists() and supports_ranges(file.uri)


def _is_on_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


@contextmanager
def _open(uri: str, path: Path) -> Iterator[IO[bytes]]:
    if not is_bucket(uri) and path.is_file():
        with path.open("rb") as stream:
            yield stream
        return
    with suppress(FileNotFoundError):
        fs, name = storage.filesystem(uri)
        with fs.open(name, "rb", block_size=1 << 20) as stream:
            yield cast(IO[bytes], stream)
        return
    raise FirelibError(f"the object {uri} does not exist", where=f"source {uri}", remedy="check the URI")
