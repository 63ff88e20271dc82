"""Draft a recipe for a folder of pictures, whose subfolders are the classes."""

import io
from collections import Counter
from collections.abc import Iterator
from statistics import median_low

import pyarrow as pa

from firelib.data.sources.listing import list_files
from firelib.errors import FirelibError
from firelib.scaffold.columns import Kind, describe_table
from firelib.scaffold.data.data_source import DataSource
from firelib.scaffold.draft import Draft
from firelib.scaffold.features import FeatureDraft
from firelib.scaffold.key import find_key
from firelib.scaffold.label import draft_label
from firelib.scaffold.names import to_identifier

_MOST_LOOKED_AT = 500
_LARGEST_SIDE = 224
_LEAST_SIDE = 8


def draft_pictures(table: pa.Table, name: str) -> Draft:
    """Draft the recipe for pictures in one folder for each class.

    Args:
        table: The rows of the source: encoded pictures, paths and classes.
        name: Name of the recipe.

    Raises:
        FirelibError: There is no class, or only one; or no picture can be read.
    """
    columns = describe_table(table)
    by_kind = {kind: [column for column in columns if column.kind is kind] for kind in Kind}
    pictures = next(iter(by_kind[Kind.BYTES]), None)
    classes = [column for column in by_kind[Kind.TEXT] if column.name in ("label", "class")]
    if pictures is None or not classes:
        raise FirelibError(
            f"expected one folder of pictures for each class, got columns {', '.join(table.column_names)}",
            where="--from",
            remedy="put the pictures of each class into a folder of its own, or write a recipe with Source.images",
        )
    label = draft_label(classes[:1], table)
    shape = _find_shape(table[pictures.name])
    key = find_key([column for column in by_kind[Kind.TEXT] if column is not classes[0]], table)
    arguments = f'"uint8", shape={shape}'
    return Draft(
        name,
        table.num_rows,
        table.num_columns,
        False,
        (FeatureDraft(to_identifier(pictures.name), arguments, "height, width, channels", pictures.name),),
        (),
        label,
        classes[0].name,
        "the folders of the pictures",
        key or ("row",),
        "" if key else "row",
        is_ordered=False,
        picture=pictures.name,
        picture_shape=shape,
    )


def describe_broken(data: DataSource, table: pa.Table) -> Iterator[str]:
    """Say how many files are no pictures: a line, if there are any.

    Args:
        data: A folder of pictures.
        table: All rows of the source.
    """
    files = len(list_files(data.source))
    if table.num_rows < files:
        yield (
            f"set aside: {files - table.num_rows:,} of {files:,} files cannot be read as pictures; firelib extract "
            "names them"
        )


def _find_shape(pictures: pa.ChunkedArray) -> tuple[int, int, int]:
    """The size of most pictures, otherwise the median of each side; at most 224 pixels a side.

    There is one channel if all pictures are grey.
    """
    from PIL import Image, UnidentifiedImageError

    sizes, modes = Counter[tuple[int, int]](), set[str]()
    for content in pictures.slice(0, _MOST_LOOKED_AT).drop_null().to_pylist():
        try:
            with Image.open(io.BytesIO(content)) as picture:
                sizes[picture.size] += 1
                modes.add(picture.mode)
        except (UnidentifiedImageError, OSError):
            continue
    if not sizes:
        raise FirelibError("no picture can be read", where="--from", remedy="check the files")
    (width, height), count = sizes.most_common(1)[0]
    if 2 * count < sizes.total():
        width, height = (int(median_low([size[side] for size in sizes.elements()])) for side in (0, 1))
    scale = min(1.0, _LARGEST_SIDE / max(width, height))
    channels = 1 if modes <= {"1", "L", "I", "I;16"} else 3
    return max(_LEAST_SIDE, round(height * scale)), max(_LEAST_SIDE, round(width * scale)), channels
