"""Read a raw file of any format into an Arrow table that Delta can store."""

import pyarrow as pa

from firelib.data.formats.detect import detect_format
from firelib.data.sources.raw_file import RawFile
from firelib.errors import FirelibError
from firelib.recipe import Source


def read_raw_file(raw: RawFile, source: Source) -> pa.Table:
    """The table in a raw file.

    Args:
        raw: The file on this machine.
        source: Where it comes from, with its format and options.

    Returns:
        One row for each row of the file, with the columns that the format tells.

    Raises:
        FirelibError: The format is unknown, or the file does not have it.
    """
    kind = detect_format(source, raw.path)
    try:
        table = kind.read(raw.path, source)
    except (pa.ArrowInvalid, OSError) as error:  # OSError: damaged compressed data
        raise FirelibError(
            f"cannot read the file as {kind.name}: {error}",
            where=f"source {source.uri} ({raw.path})",
            remedy=f"check that it is a {kind.name} file, or declare its format: Source(uri, format='…')",
        ) from None
    return _replace_null_types(table)


def _replace_null_types(table: pa.Table) -> pa.Table:
    """Give columns that hold only nulls a type, because Delta requires one."""
    fields = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in table.schema]
    return table.cast(pa.schema(fields))
