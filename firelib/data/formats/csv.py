"""CSV files with a header line, plain or compressed, or as the only file of a zip archive."""

import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv

from firelib.data.formats.format import Format
from firelib.errors import FirelibError
from firelib.recipe import Source


def read_csv(path: Path, source: Source) -> pa.Table:
    """A CSV file as a table; Arrow infers the types of the columns.

    Args:
        path: The file. Its suffix tells the compression.
        source: Names the strings that stand for a missing value.

    Raises:
        FirelibError: A zip archive contains no file, or several.
        pyarrow.ArrowInvalid: The file is not CSV.
        OSError: The compressed data are damaged.
    """
    options = pyarrow.csv.ConvertOptions(null_values=list(source.null_values), strings_can_be_null=True)
    if path.suffix.lower() != ".zip":
        return pyarrow.csv.read_csv(path, convert_options=options)
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_only_file(archive, path, source)) as file:
            return pyarrow.csv.read_csv(file, convert_options=options)
    except zipfile.BadZipFile as error:
        raise OSError(str(error)) from error


def _only_file(archive: zipfile.ZipFile, path: Path, source: Source) -> str:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if len(names) != 1:
        raise FirelibError(
            f"expected 1 file in {path.name}, got {len(names)}",
            where=f"source {source.uri}",
            remedy="unpack the archive, and name one of its files as the source",
        )
    return names[0]


CSV = Format(
    name="csv",
    read=read_csv,
    names=r"\.(csv|txt|dat|data)",
    compressions=(".gz", ".bz2", ".zst", ".lz4", ".zip"),
)
