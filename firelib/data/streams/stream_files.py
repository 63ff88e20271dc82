"""Open the rows of raw files as a stream."""

from firelib.data.formats.read import read_raw_files
from firelib.data.sources.raw_file import RawFiles
from firelib.data.streams.row_stream import RowStream
from firelib.recipe import Recipe, Source


def stream_raw_files(raw: RawFiles, source: Source, recipe: Recipe, table: str) -> RowStream:
    """The rows of raw files, in the order of the files."""
    return RowStream.of_table(read_raw_files(raw, source, recipe, table))
