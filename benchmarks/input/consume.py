"""Program of one measurement: prepares a loader, consumes its batches, and prints one line of JSON.

    python -m benchmarks.input.consume JOB MEASURE ARGUMENTS [CORE …]

It runs in the environment of the loader, so it needs nothing but the standard library and psutil.
"""

import hashlib
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.harness.process_times import TICK, ProcessTimes, adopt_orphans
from benchmarks.input.accelerator import utilizations
from benchmarks.input.job import Job

#: Starts an endless iteration over batches, epoch after epoch. A batch maps names to arrays or tensors.
Batches = Callable[[], Iterator[dict[str, Any]]]


def main() -> None:
    job, measure, arguments = Job.from_json(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    if len(sys.argv) > 4:
        os.sched_setaffinity(0, map(int, sys.argv[4:]))
    adopt_orphans()
    loader = importlib.import_module(f"benchmarks.peers.loaders.{job.loader}")
    with loader.prepared(job) as batches:
        answer = MEASURES[measure](lambda: checked(job, batches()), **arguments)
    answer["cores"] = sorted(os.sched_getaffinity(0))
    print(json.dumps(answer), flush=True)  # noqa: T201  the parent reads it


def checked(job: Job, batches: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Check that the first batch has all columns, with the declared shapes; pass all batches on.

    Raises:
        ValueError: A column is missing, or has another shape.
    """
    first = next(batches)
    _check(job, first)
    yield first
    yield from batches


def _check(job: Job, batch: dict[str, Any]) -> None:
    for name, (dtype, shape) in job.schema.items():
        if name not in batch:
            raise ValueError(f"column {name} is missing, got {', '.join(batch)}")
        actual = tuple(getattr(batch[name], "shape", (len(batch[name]),)))
        if dtype != "string" and actual != (job.batch, *shape):
            raise ValueError(f"column {name}: expected shape {(job.batch, *shape)}, got {actual}")


def steady(batches: Batches, warm_seconds: float, seconds: float) -> dict[str, float]:
    """Measure the rate in the middle of training: iterate for a while, then count rows.

    Args:
        batches: Starts the iteration.
        warm_seconds: Not measured.
        seconds: Least duration of the measurement; it ends with the batch that completes it.

    Returns:
        `rows`, `seconds` and `cpu_seconds`.
    """
    iterator = batches()
    _count(lambda: iterator, lambda rows, passed: passed >= warm_seconds)  # noqa: ARG005  one signature for both ends
    return _measured(lambda: iterator, lambda rows, passed: passed >= seconds)  # noqa: ARG005


def epoch(batches: Batches, rows: int) -> dict[str, float]:
    """Measure the first epoch, from the moment that the pipeline is built.

    Args:
        batches: Starts the iteration.
        rows: Rows of the epoch.

    Returns:
        `rows`, `seconds` and `cpu_seconds`.
    """
    return _measured(batches, lambda count, passed: count >= rows)  # noqa: ARG005


def fingerprints(batches: Batches, rows: int) -> dict[str, list[str]]:
    """Hash each row, for tests: of a loader that reads each row once, an epoch has as many different hashes as rows.

    Args:
        batches: Starts the iteration.
        rows: Rows of the first epochs, a multiple of the batch.

    Returns:
        `fingerprints`, sorted.
    """
    found: list[str] = []
    for batch in batches():
        columns = [_row_bytes(batch[name]) for name in sorted(batch)]
        found += [hashlib.sha256(b"".join(row)).hexdigest() for row in zip(*columns, strict=True)]
        if len(found) >= rows:
            break
    return {"fingerprints": sorted(found)}


def _row_bytes(column: Any) -> list[bytes]:
    import numpy as np

    values = np.asarray(column)
    return [repr(value).encode() if values.dtype == object else value.tobytes() for value in values]


def _measured(start: Batches, is_over: Callable[[int, float], bool]) -> dict[str, float]:
    times = ProcessTimes()
    with times.sampled():
        rows, seconds = _count(start, is_over)
    return {"rows": rows, "seconds": seconds, "cpu_seconds": max(times.read(), TICK)}


def _count(start: Batches, is_over: Callable[[int, float], bool]) -> tuple[int, float]:
    """Start to iterate, and consume batches until `is_over(rows, seconds)`; return both."""
    rows, begin = 0, time.perf_counter()
    for batch in start():
        rows += len(batch["label"])
        if is_over(rows, time.perf_counter() - begin):
            break
    return rows, time.perf_counter() - begin


MEASURES: dict[str, Callable[..., dict[str, Any]]] = {
    "steady": steady,
    "epoch": epoch,
    "accelerators": utilizations,
    "fingerprints": fingerprints,
}

if __name__ == "__main__":
    main()
