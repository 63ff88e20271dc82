"""Ray Data on two cores: the cost of additional rows, without that of starting Ray, its workers and the execution."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.harness.measure import Way

CPUS = 2

_ATTEMPTS = 3

WRITE_SETTINGS = f"write_tfrecords, {CPUS} CPUs and blocks, images as bytes; rate of additional rows"
READ_SETTINGS = (
    f"read_tfrecords of {CPUS} files, {CPUS} CPUs, NumPy batches, images not decoded; rate of additional rows"
)


def way(run: Callable[[int], Any], few: int, many: int, settings: str) -> Way:
    """Build a way that times the difference between `many` and `few` rows.

    Each run starts its own Ray, with workers that have imported TensorFlow, and stops it afterwards: even an idle Ray
    takes cores from other ways.
    """

    def before() -> None:
        _start()
        run(few)

    return Way(lambda: _more_rows(run, few, many), settings, many - few, before, _stop, counts_cpu=False)


def _start() -> None:
    import ray

    ray.init(address="local", num_cpus=CPUS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)


def _stop() -> None:
    import ray

    ray.shutdown()


def _more_rows(run: Callable[[int], Any], few: int, many: int) -> float:
    """Measure the additional seconds that `many` rows take.

    Raises:
        RuntimeError: In every attempt, many rows took no longer than few.
    """
    for _ in range(_ATTEMPTS):
        before, after = _seconds(run, few), _seconds(run, many)
        if after > before:
            return after - before
    raise RuntimeError(f"{many} rows took {after:.2f} s, {few} rows {before:.2f} s: measure more rows")


def _seconds(run: Callable[[int], Any], rows: int) -> float:
    begin = time.perf_counter()
    run(rows)
    return time.perf_counter() - begin


def write(folder: Path, table: pa.Table) -> None:
    import ray

    shutil.rmtree(folder, ignore_errors=True)
    half = -(-table.num_rows // CPUS)
    ray.data.from_arrow([table.slice(start, half) for start in range(0, table.num_rows, half)]).write_tfrecords(
        str(folder)
    )


def read(files: Sequence[str], batch: int) -> int:
    """Read all batches; return the number of rows."""
    import ray

    rows = 0
    for columns in ray.data.read_tfrecords(list(files), override_num_blocks=CPUS).iter_batches(batch_size=batch):
        rows += len(columns["label"])
    return rows


def writable(table: pa.Table) -> pa.Table:
    """Convert images to bytes, which Ray Data writes fastest."""
    return pa.table({name: _flat(table[name]) for name in table.column_names})


def _flat(column: pa.ChunkedArray) -> Any:
    if not pa.types.is_fixed_size_list(column.type):
        return column
    array = column.combine_chunks()
    width = array.type.list_size
    return pa.Array.from_buffers(pa.binary(width), len(array), [None, array.flatten().buffers()[1]]).cast(pa.binary())
