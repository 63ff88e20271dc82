"""Ray Data: from Parquet, which is its best way, and from TFRecords, on a Ray of its own."""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.input.job import Job, Schema

_BUFFER, _PREFETCH = 10_000, 4
PASSES = 8  # epochs of one execution, since starting one costs time
_FILE_BYTES = 8 << 20
_READERS = "iter_threaded"  # how Ray Data names the threads that read ahead
_READER_SECONDS = 60


def write(columns: Mapping[str, Any], schema: Schema, folder: Path) -> None:
    """Write Parquet files of about 8 MiB; arrays get Ray's tensor type, which it reads without a copy."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    table = pa.table({name: _column(columns[name], schema[name][1]) for name in schema})
    rows = max(1, table.num_rows * _FILE_BYTES // table.nbytes)
    for index, start in enumerate(range(0, table.num_rows, rows)):
        pq.write_table(table.slice(start, rows), folder / f"part-{index:04d}.parquet")


def _column(values: Any, shape: tuple[int, ...]) -> Any:
    if not shape:
        return pa.array(values)
    from ray.data.extensions import ArrowTensorArray

    return ArrowTensorArray.from_numpy(values)


@contextmanager
def prepared(job: Job) -> Iterator[Callable[[], Iterator[dict[str, Any]]]]:
    """Start Ray; the option `format` is `parquet` or `tfrecord`."""
    import ray

    ray.init(address="local", num_cpus=job.cpus, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    opened: list[Generator[dict[str, Any], None, None]] = []

    def begin() -> Iterator[dict[str, Any]]:
        opened.append(_batches(job))
        return opened[-1]

    try:
        yield begin
    finally:
        for batches in opened:
            batches.close()
        _wait_for_readers()
        ray.shutdown()


def _wait_for_readers() -> None:
    """Wait for the threads that read ahead, which a closed iterator tells to stop but does not wait for.

    Ray ends the whole process if one of them asks for a block after `ray.shutdown`.
    """
    for thread in threading.enumerate():
        if thread.name == _READERS:
            thread.join(_READER_SECONDS)


def _batches(job: Job) -> Generator[dict[str, Any], None, None]:
    read, files, filesystem = _source(job)
    random, passes = np.random.default_rng(1), 1 if job.is_remote else PASSES
    while True:
        paths = [files[index] for _ in range(passes) for index in random.permutation(len(files))]
        for batch in read(paths, filesystem=filesystem).iter_batches(
            batch_size=job.batch,
            batch_format="numpy",
            prefetch_batches=_PREFETCH,
            local_shuffle_buffer_size=_BUFFER,
        ):
            yield {name: _decoded(column, *job.schema[name]) for name, column in batch.items()}


def _source(job: Job) -> tuple[Callable[..., Any], list[str], Any]:
    """Ray's reader, the files, and Arrow's file system; None for the local one."""
    import ray
    from pyarrow.fs import FileSelector

    if job.options["format"] == "tfrecord":
        return ray.data.read_tfrecords, sorted(map(str, Path(job.source).glob("*.tfrecord"))), None
    if not job.is_remote:
        return ray.data.read_parquet, sorted(map(str, Path(job.source).glob("*.parquet"))), None
    filesystem = _s3()
    listed = filesystem.get_file_info(FileSelector(job.source.partition("://")[2]))
    return ray.data.read_parquet, sorted(info.path for info in listed), filesystem


def _s3() -> Any:
    """Arrow's own client of S3, in C++."""
    from pyarrow.fs import S3FileSystem

    scheme, _, host = os.environ["AWS_ENDPOINT_URL"].partition("://")
    return S3FileSystem(scheme=scheme, endpoint_override=host)


def _decoded(column: Any, dtype: str, shape: tuple[int, ...]) -> Any:
    """Turn bytes into arrays: TFRecords have no shapes."""
    if shape and column.dtype == object:
        return np.frombuffer(b"".join(column), dtype).reshape(-1, *shape)
    return column
