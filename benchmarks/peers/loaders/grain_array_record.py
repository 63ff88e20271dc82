"""Grain over ArrayRecord: one packed NumPy record per row, which a whole batch decodes at once.

That is in Grain's favour, since Examples would have to be parsed. Strings are padded to the longest. Grain is installed
in an environment of its own.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.input.job import Job, Schema

_FILE_BYTES = 8 << 20
_DTYPE_FILE = "dtype.json"
_AHEAD = 4  # batches


def write(columns: Mapping[str, Any], schema: Schema, folder: Path) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    folder.mkdir(parents=True, exist_ok=True)
    rows = _packed(columns, schema)
    (folder / _DTYPE_FILE).write_text(json.dumps([[name, *_spec(rows.dtype[name])] for name in schema]))
    per_file = max(1, _FILE_BYTES // rows.dtype.itemsize)
    for index, start in enumerate(range(0, len(rows), per_file)):
        writer = ArrayRecordWriter(str(folder / f"part-{index:04d}.array_record"), "group_size:1,uncompressed")
        for row in rows[start : start + per_file]:
            writer.write(row.tobytes())
        writer.close()


def _packed(columns: Mapping[str, Any], schema: Schema) -> Any:
    """One record per row."""
    encoded = {
        name: np.char.encode(columns[name], "utf-8") if dtype == "string" else columns[name]
        for name, (dtype, _) in schema.items()
    }
    dtype = np.dtype([(name, encoded[name].dtype, shape) for name, (_, shape) in schema.items()])
    rows = np.empty(len(columns["label"]), dtype)
    for name, column in encoded.items():
        rows[name] = column
    return rows


def _spec(dtype: Any) -> tuple[str, list[int]]:
    return dtype.base.str, list(dtype.shape)


@contextmanager
def prepared(job: Job) -> Iterator[Callable[[], Iterator[dict[str, Any]]]]:
    """Import Grain; the options are `workers` (processes) and `threads` in each."""
    import grain

    folder = Path(job.source)
    fields = json.loads((folder / _DTYPE_FILE).read_text())
    decode = Decoder(np.dtype([(name, dtype, tuple(shape)) for name, dtype, shape in fields]))
    files = sorted(map(str, folder.glob("*.array_record")))

    def batches() -> Iterator[dict[str, Any]]:
        source = grain.sources.ArrayRecordDataSource(files)
        rows = grain.MapDataset.source(source).seed(1).shuffle().batch(job.batch, batch_fn=decode).repeat()
        dataset = rows.to_iter_dataset(
            grain.ReadOptions(num_threads=job.options["threads"], prefetch_buffer_size=_AHEAD)
        )
        if job.options["workers"]:
            dataset = dataset.mp_prefetch(
                grain.MultiprocessingOptions(num_workers=job.options["workers"], per_worker_buffer_size=_AHEAD)
            )
        return iter(dataset)

    yield batches


class Decoder:
    """Turns packed records into columns; a class, since Grain sends it to its workers.

    Args:
        dtype: NumPy's dtype of a record.
    """

    def __init__(self, dtype: Any) -> None:
        self._dtype = dtype

    def __call__(self, records: Sequence[bytes]) -> dict[str, Any]:
        rows = np.frombuffer(b"".join(records), self._dtype)
        return {name: np.ascontiguousarray(rows[name]) for name in self._dtype.names}
