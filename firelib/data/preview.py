"""The first rows of a source, to check a recipe or to write one before anything is extracted."""

from pathlib import Path

import pyarrow as pa

from firelib.data.formats.read import read_raw_file
from firelib.data.sources.fetch import fetch
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source


def preview_source(
    source: Source, paths: Paths, recipe: Recipe | None = None, table: str = "", rows: int = 200
) -> pa.Table:
    """Read the first rows of a source, with the types that the lake would give them.

    Args:
        source: The source.
        paths: Where downloads and copies of raw files are.
        recipe: Its string features and its key decide types that a format would infer.
        table: Name of the table, for errors.
        rows: Greatest number of rows to return.

    Raises:
        FirelibError: The source cannot be fetched or read.
    """
    raw = fetch(source, Path(paths.downloads), paths.sources)
    return read_raw_file(raw, source, recipe, table).slice(0, rows)
