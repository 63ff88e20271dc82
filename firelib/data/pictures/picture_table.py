"""Tables of pictures: one row for each picture that can be decoded."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pyarrow as pa

from firelib.data.pictures.picture_file import Picture, read_picture
from firelib.data.sources.raw_file import RawFile

_THREADS = 4  # Pillow decodes outside of Python's global lock


@dataclass(frozen=True)
class PictureTable:
    """Pictures as a table.

    Attributes:
        rows: The rows whose pictures can be decoded.
        set_aside: Path → reason for the others.
        total: Number of all rows.
    """

    rows: pa.Table
    set_aside: Mapping[str, str] = field(default_factory=dict)
    total: int = 0


def folder_table(files: Sequence[RawFile]) -> PictureTable:
    """The pictures of a folder with one folder for each class.

    Args:
        files: The files of the folder, with their paths below it.

    Returns:
        Columns `path`, `label` (the first folder of the path, null for a picture outside of all), `image` (the bytes
        of the file), `width` and `height`.
    """
    names = [file.name for file in files]
    labels = [parts[0] if len(parts := PurePosixPath(name).parts) > 1 else None for name in names]
    table = pa.table({"path": pa.array(names, pa.string()), "label": pa.array(labels, pa.string())})
    return add_pictures(table, names, [file.path for file in files])


def add_pictures(table: pa.Table, names: Sequence[str | None], found: Sequence[Path | Picture]) -> PictureTable:
    """Add the columns `image`, `width` and `height` to a table.

    Args:
        table: One row for each picture.
        names: Path of each row's picture, as the source writes it.
        found: File of each row's picture; or a picture with the reason why there is none.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        pictures = list(pool.map(_read, found))
    broken = [picture.problem for picture in pictures]
    set_aside: dict[str, str] = {}
    for row, (name, problem) in enumerate(zip(names, broken, strict=True)):
        if problem:  # several rows may name one picture
            set_aside[f"row {row}" if name is None else f"{name}, row {row}" if name in set_aside else name] = problem
    columns = {
        # Of type binary, a column would be limited to 2 GiB.
        "image": pa.array([picture.content for picture in pictures], pa.large_binary()),
        "width": pa.array([picture.width for picture in pictures], pa.int32()),
        "height": pa.array([picture.height for picture in pictures], pa.int32()),
    }
    for name, values in columns.items():
        table = table.append_column(name, values)
    kept = table.filter(pa.array([not problem for problem in broken], pa.bool_()))
    return PictureTable(kept, set_aside, table.num_rows)


def _read(found: Path | Picture) -> Picture:
    return found if isinstance(found, Picture) else read_picture(found)
