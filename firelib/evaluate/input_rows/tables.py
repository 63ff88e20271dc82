"""Rows to score from what a source can name beside a file: folders, patterns, buckets, databases, Delta, pictures."""

import glob
import tempfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from firelib.console import note
from firelib.data.databases.address import is_database
from firelib.data.sources.listing import is_bucket
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source

_IMAGES = "images"
_JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")


def as_table_source(rows: str, options: Source) -> Source | None:
    """The source that rows to score stand for, if they are more than a file.

    Args:
        rows: A path, pattern or URI.
        options: The recipe's source, whose options apply.

    Returns:
        The source; None for a single file, which is read in batches.
    """
    source = replace(options, uri=rows, sha256=None, copies=(), version=None)
    path = Path(rows)
    if is_database(rows) or is_bucket(rows) or rows.startswith("delta+") or path.is_dir():
        return source
    if not path.is_file():
        return source if glob.has_magic(rows) else None
    if options.format == _IMAGES and path.suffix.lower() not in _JSON_SUFFIXES:
        return source
    is_part = options.partitioned is not False and _names_several(options) and "=" in str(path.absolute().parent)
    return replace(source, uri=str(path.absolute()), partitioned=True) if is_part else None


def _names_several(source: Source) -> bool:
    return isinstance(source.uri, tuple) or glob.has_magic(source.uri) or Path(source.uri).suffix == ""


def read_table(source: Source, recipe: Recipe) -> pa.Table:
    """Read all rows of a source.

    Args:
        source: From `as_table_source`.
        recipe: Its string features and its key decide types that a format would infer.

    Raises:
        FirelibError: The source cannot be read, or a picture is broken.
    """
    from firelib.data.sources.checks import check_source  # imports Delta's reader, which a file does not need
    from firelib.data.sources.load_table import load_table

    check_source(source)
    with tempfile.TemporaryDirectory() as folder:  # for downloads
        loaded = load_table(source, Paths(recipe.name, folder, Path(folder)), recipe, is_complete=False)
    if not loaded.rows.num_rows and loaded.set_aside:
        name, reason = next(iter(loaded.set_aside.items()))
        raise FirelibError(f"no picture can be read: {name}: {reason}", where=str(source), remedy="check the files")
    for name, reason in loaded.set_aside.items():
        note(f"set aside: {name}: {reason}")
    return loaded.rows
