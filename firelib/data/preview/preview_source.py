"""Read the first rows of a source without reading, or downloading, all of it."""

import pyarrow as pa

from firelib.data.preview.file_heads import preview_files
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
    return preview_files(source, paths, recipe, table, rows)
