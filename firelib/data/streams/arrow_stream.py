"""Arrow IPC files and streams, batch by batch."""

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa

from firelib.data.formats.arrow_ipc import MAGIC
from firelib.data.streams.file_stream import FileStream
from firelib.data.streams.read_ahead import Unit
from firelib.data.streams.row_stream import RowStream
from firelib.recipe import Source

_GROWTH = 2  # a guess: memory of a batch ÷ its share of the file, which may be compressed


def open_arrow(path: Path, source: Source, columns: Collection[str]) -> FileStream:  # noqa: ARG001  as all formats
    """An Arrow file or stream. Batches of a file are read in parallel; a stream has no index, so one after another.

    Args:
        path: The file.
        source: Not used.
        columns: Not used: the file tells its types.

    Raises:
        pyarrow.ArrowInvalid: The file is not Arrow IPC, or Feather of version 1.
    """
    size = path.stat().st_size
    with pa.memory_map(str(path)) as file:
        if file.read(len(MAGIC)) == MAGIC:
            reader = pa.ipc.open_file(file)
            return FileStream(RowStream(reader.schema, partial(_plan, path, reader.num_record_batches, size), size))
        file.seek(0)
        schema = pa.ipc.open_stream(file).schema
    unit = Unit(partial(_read_stream, path), size * _GROWTH, size)
    return FileStream(RowStream(schema, lambda: iter([unit]), size))


def _plan(path: Path, batches: int, size: int) -> Iterator[Unit[pa.Table]]:
    share = size // max(batches, 1)
    for index in range(batches):
        yield Unit(partial(_read_batch, path, index), share * _GROWTH, share)


def _read_batch(path: Path, index: int) -> Iterator[pa.Table]:
    with pa.memory_map(str(path)) as file:
        yield pa.Table.from_batches([pa.ipc.open_file(file).get_batch(index)])


def _read_stream(path: Path) -> Iterator[pa.Table]:
    with pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_stream(file)
        for batch in reader:
            yield pa.Table.from_batches([batch], reader.schema)
