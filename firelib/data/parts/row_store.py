"""Rows in a file on disk, column by column, so that more of them fit than into memory."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from firelib import storage

_MEMORY_BYTES = 32 * 2**20


class _Segment(NamedTuple):
    """Rows in the file.

    Attributes:
        bounds: Offset of each column, and of the end of the last, in bytes.
    """

    bounds: tuple[int, ...]


class RowStore:
    """Keeps rows in memory while they are few, and in a file without a name otherwise.

    A thread writes the file, so that reading the source does not wait for the disk.

    Args:
        folder: Folder of the file; None keeps all rows in memory.
        memory_bytes: Most bytes of rows in memory; as many again may be on their way to the file.
    """

    def __init__(self, folder: Path | None = None, memory_bytes: int = _MEMORY_BYTES) -> None:
        self._folder, self._memory_bytes = folder, memory_bytes
        self._file: int | None = None
        self._end = self._held = 0
        self._unsaved: dict[int, StoredRows] = {}
        self._thread = ThreadPoolExecutor(1, "row-store")
        self._saving: Future[None] | None = None

    def __enter__(self) -> "RowStore":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def add_rows(self, rows: "StoredRows", batch: pa.RecordBatch) -> None:
        """Note that rows got a batch, and move rows to the file if there are too many in memory."""
        self._held += batch.nbytes
        self._unsaved[id(rows)] = rows
        if self._folder is not None and self._held > self._memory_bytes:
            self.wait()
            taken = [(each, each.take_unsaved()) for each in self._unsaved.values()]
            self._saving = self._thread.submit(self._save, taken)
            self._unsaved, self._held = {}, 0

    def wait(self) -> None:
        """Wait until the file has the rows that are on their way to it.

        Raises:
            FirelibError: The disk is full.
        """
        if self._saving is not None:
            self._saving.result()
            self._saving = None

    def _save(self, taken: Sequence[tuple["StoredRows", pa.Table]]) -> None:
        with storage.explain_full_disk(str(self._folder)):
            for rows, table in taken:
                rows.saved += [self._write(batch) for batch in table.combine_chunks().to_batches()]

    def _write(self, batch: pa.RecordBatch) -> _Segment:
        """Append rows to the file."""
        if self._file is None:
            self._file = _open_nameless(Path(str(self._folder)))
        bounds = [self._end]
        for column in batch.columns:
            message = pa.record_batch([column], names=["0"]).serialize()
            _write_all(self._file, message)
            bounds.append(bounds[-1] + len(message))
        self._end = bounds[-1]
        return _Segment(tuple(bounds))

    def read(self, segment: _Segment, schema: pa.Schema, columns: Sequence[int]) -> list[pa.Array]:
        """Columns of rows in the file; columns that lie side by side are read at once."""
        start, stop = segment.bounds[columns[0]], segment.bounds[columns[-1] + 1]
        assert self._file is not None
        content = pa.py_buffer(os.pread(self._file, stop - start, start))
        arrays = []
        for index in columns:
            first, last = (segment.bounds[each] - start for each in (index, index + 1))
            field = pa.schema([pa.field("0", schema.field(index).type)])
            arrays.append(pa.ipc.read_record_batch(content.slice(first, last - first), field).column(0))
        return arrays


class StoredRows:
    """Rows in a store, in the order in which they were added.

    Args:
        store: The store.
        schema: Schema of the rows.

    Attributes:
        schema: Schema of the rows.
        num_rows: Number of rows.
        nbytes: Size of the rows in memory, in bytes.
        saved: Where the file has the first rows; complete after `RowStore.wait`.
    """

    def __init__(self, store: RowStore, schema: pa.Schema) -> None:
        self._store, self.schema = store, schema
        self.num_rows = self.nbytes = 0
        self.saved: list[_Segment] = []
        self._unsaved: list[pa.RecordBatch] = []

    def append(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self.num_rows += batch.num_rows
        self.nbytes += batch.nbytes
        self._unsaved.append(batch)
        self._store.add_rows(self, batch)

    def take_unsaved(self) -> pa.Table:
        """Hand over the rows in memory, to be moved to the store's file."""
        table, self._unsaved = pa.Table.from_batches(self._unsaved, self.schema), []
        return table

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a few MiB at a time."""
        self._store.wait()
        for segment in self.saved:
            arrays = self._store.read(segment, self.schema, range(len(self.schema)))
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        yield from self._unsaved

    def read_column(self, index: int) -> Iterator[pa.Array]:
        """The chunks of a column.

        Args:
            index: Its position in the schema.
        """
        self._store.wait()
        for segment in self.saved:
            yield self._store.read(segment, self.schema, [index])[0]
        yield from (batch.column(index) for batch in self._unsaved)


def _open_nameless(folder: Path) -> int:
    """A file that is gone when it is closed, however the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError, AttributeError):  # some file systems have no files without a name
        return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    file, path = tempfile.mkstemp(dir=folder)
    Path(path).unlink()
    return file


def _write_all(file: int, content: pa.Buffer) -> None:
    view = memoryview(content)
    while len(view):
        view = view[os.write(file, view) :]
