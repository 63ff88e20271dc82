"""Read the first rows of a source without reading, or downloading, all of it."""

import pyarrow as pa

from firelib.data.databases.address import is_database
from firelib.data.databases.read import read_database
from firelib.data.formats.read import TypeRules
from firelib.data.preview.file_heads import preview_files
from firelib.data.preview.first_rows import FirstRows
from firelib.data.preview.picture_heads import preview_folder, preview_listed
from firelib.data.sources.checks import check_source
from firelib.data.sources.delta import read_delta
from firelib.data.sources.delta_address import is_delta
from firelib.data.sources.load_table import IMAGES
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source


def preview_source(
    source: Source, paths: Paths, recipe: Recipe | None = None, table: str = "", rows: int = 200
) -> pa.Table:
    """Read the first rows of a source, with the types that the lake would give them.

    Of a file, only the first block or row group is read; of a folder, the first files. The hash is not checked. Types
    that are inferred follow from these rows alone.

    Args:
        source: The source.
        paths: Where downloads and copies of raw files are.
        recipe: Its string features and its key decide types that a format would infer.
        table: Name of the table, for errors.
        rows: Greatest number of rows to return.

    Raises:
        FirelibError: The source does not exist, or cannot be read.
    """
    return read_first_rows(source, paths, recipe, table, rows).rows


def read_first_rows(
    source: Source, paths: Paths, recipe: Recipe | None = None, table: str = "", rows: int = 200
) -> FirstRows:
    """Read the first rows of a source, and tell whether it has others.

    Args:
        source: As for `preview_source`.
        paths: As for `preview_source`.
        recipe: As for `preview_source`.
        table: As for `preview_source`.
        rows: As for `preview_source`.

    Raises:
        FirelibError: As for `preview_source`.
    """
    if is_database(str(source)):
        check_source(source)
        return FirstRows.cut(_apply(read_database(source, rows + 1), source, recipe, table), rows)
    if is_delta(source):
        return FirstRows.cut(_apply(read_delta(source, rows + 1)[0], source, recipe, table), rows)
    if source.format == IMAGES:
        return preview_folder(source, paths, rows)
    first = preview_files(source, paths, recipe, table, rows)
    if source.images:
        return FirstRows(preview_listed(first.rows, source, paths, table), first.is_complete)
    return first


def _apply(content: pa.Table, source: Source, recipe: Recipe | None, table: str) -> pa.Table:
    where = f"{f'table {table!r}, ' if table else ''}source {source}"
    return TypeRules(source, recipe, infers_types=False).apply(content, where)
