"""Some pictures of a folder, or of a table with paths."""

from dataclasses import replace

import pyarrow as pa

from firelib.data.formats.lake_types import to_lake_types
from firelib.data.pictures.picture_table import add_pictures, folder_table
from firelib.data.preview.first_rows import FirstRows
from firelib.data.sources.fetch import fetch, find_copies
from firelib.data.sources.listed_pictures import find_pictures, picture_names
from firelib.data.sources.listing import list_files, local_path
from firelib.data.sources.raw_file import RawFile
from firelib.project_layout import Paths
from firelib.recipe import Source


def preview_folder(source: Source, paths: Paths, rows: int) -> FirstRows:
    """Pictures of a folder, at equal distances in the order of their paths, so that all classes occur.

    Args:
        source: The folder.
        paths: Where downloads are.
        rows: Greatest number of pictures.

    Raises:
        FirelibError: The folder has no pictures, or cannot be read.
    """
    files = list_files(source)
    count = min(rows, len(files))
    chosen = [files[(2 * index + 1) * len(files) // (2 * count)] for index in range(count)]
    raw = []
    for file in chosen:
        path = local_path(file.uri)
        if path is None:
            path = fetch(replace(source, uri=file.uri, sha256=None, format=None), paths.downloads).files[0].path
        raw.append(RawFile(path, "", file.name))
    return FirstRows(to_lake_types(folder_table(raw).rows, f"source {source}"), count == len(files))


def preview_listed(rows: pa.Table, source: Source, paths: Paths, table: str) -> pa.Table:
    """Rows with the pictures that they name.

    Args:
        rows: The first rows of a table with paths.
        source: Names the column with the paths.
        paths: Where downloads are.
        table: Name of the table, for errors.

    Raises:
        FirelibError: The column does not exist, or names pictures outside of the file's folder.
    """
    names = picture_names(rows, source, f"{f'table {table!r}, ' if table else ''}source {source}")
    file = next(find_copies(source, paths.sources), None) or local_path(str(source)) or paths.downloads
    return add_pictures(rows, names, find_pictures(names, file, source, paths.downloads)).rows
