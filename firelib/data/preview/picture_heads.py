"""Some pictures of a folder, or of a table with paths."""

from dataclasses import replace

import pyarrow as pa

from firelib.data.formats.lake_types import to_lake_types
from firelib.data.pictures.picture_table import add_pictures, folder_table
from firelib.data.sources.fetch import fetch
from firelib.data.sources.listing import list_files, local_path
from firelib.data.sources.load_table import find_picture, picture_names
from firelib.data.sources.raw_file import RawFile, RawFiles
from firelib.project_layout import Paths
from firelib.recipe import Source


def preview_folder(source: Source, paths: Paths, rows: int) -> pa.Table:
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
    chosen = [files[index * len(files) // count] for index in range(count)]
    raw = []
    for file in chosen:
        path = local_path(file.uri)
        if path is None:
            path = fetch(replace(source, uri=file.uri, sha256=None, format=None), paths.downloads).files[0].path
        raw.append(RawFile(path, "", file.name))
    return to_lake_types(folder_table(raw).rows, f"source {source}")


def preview_listed(rows: pa.Table, source: Source, paths: Paths, table: str) -> pa.Table:
    """Rows with the pictures that they name.

    Args:
        rows: The first rows of a table with paths.
        source: Names the column with the paths.
        paths: Where downloads are.
        table: Name of the table, for errors.

    Raises:
        FirelibError: The column does not exist.
    """
    names = picture_names(rows, source, f"table {table!r}, source {source}")
    path = local_path(str(source))
    raw = RawFiles((RawFile(path or paths.downloads, ""),), "")
    found = [None if name is None else find_picture(name, raw, source, paths.downloads) for name in names]
    return add_pictures(rows, names, found).rows
