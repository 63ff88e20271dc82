"""Arrow IPC files and streams, also named Feather (https://arrow.apache.org/docs/format/IPC.html)."""

from pathlib import Path
from typing import IO

import pyarrow as pa

from firelib.data.formats.format import Format, Head
from firelib.recipe import Source

MAGIC = b"ARROW1"


def read_arrow(path: Path, source: Source) -> pa.Table:  # noqa: ARG001  every reader takes both
    """An Arrow file or stream as a table.

    Args:
        path: The file.
        source: Not used: the file tells its types.

    Raises:
        pyarrow.ArrowInvalid: The file is not Arrow IPC, or Feather of version 1.
    """
    with pa.OSFile(str(path), "rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            return pa.ipc.open_file(file).read_all()
        file.seek(0)
        return pa.ipc.open_stream(file).read_all()


def read_arrow_head(file: IO[bytes], name: str, source: Source, rows: int) -> Head:  # noqa: ARG001  as all heads
    """The first rows of an Arrow file or stream.

    Args:
        file: The file.
        name: Not used.
        source: Not used.
        rows: Number of rows.

    Raises:
        pyarrow.ArrowInvalid: As for `read_arrow`.
    """
    is_file = file.read(len(MAGIC)) == MAGIC
    file.seek(0)
    reader = pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)
    batches, count = [], 0
    batches_of_file = (reader.get_batch(index) for index in range(reader.num_record_batches)) if is_file else reader
    for batch in batches_of_file:
        batches.append(batch)
        count += batch.num_rows
        if count > rows:
            break
    return Head.cut(pa.Table.from_batches(batches, reader.schema), rows)


ARROW = Format(
    name="arrow", read=read_arrow, read_head=read_arrow_head, names=r"\.(arrow|arrows|feather|ipc)", magic=MAGIC
)
