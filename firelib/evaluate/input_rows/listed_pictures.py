"""Read the pictures that rows to score name, as `firelib extract` reads those of a source with `images`."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from firelib.data.pictures.picture_file import Picture, read_picture

_THREADS = 4  # Pillow decodes outside of Python's global lock
#: About the number of bytes of a list of pictures that are read at once: some hundred pictures.
LIST_BYTES = 32 << 10


def read_listed_pictures(rows: pa.Table, column: str | None, folder: Path) -> pa.Table:
    """Add the columns `image`, `width` and `height` to rows that name pictures.

    Args:
        rows: The rows.
        column: The column with the paths, which `Source.images` names. Without it, the rows stay as they are.
        folder: Paths are relative to it.

    Returns:
        The same rows. The image of a picture that cannot be used is null.
    """
    if column not in rows.column_names or "image" in rows.column_names:
        return rows
    paths = [None if name is None else folder / str(name) for name in rows[column].to_pylist()]
    with ThreadPoolExecutor(_THREADS) as pool:
        pictures = list(pool.map(_read, paths))
    values = {
        "image": pa.array([picture.content or None for picture in pictures], pa.large_binary()),
        "width": pa.array([picture.width for picture in pictures], pa.int32()),
        "height": pa.array([picture.height for picture in pictures], pa.int32()),
    }
    for name in values.keys() - set(rows.column_names):
        rows = rows.append_column(name, values[name])
    return rows


def _read(path: Path | None) -> Picture:
    return Picture() if path is None else read_picture(path)
