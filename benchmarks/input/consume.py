"""Program of one measurement: prepares a loader, consumes its batches, and prints one line of JSON.

    python -m benchmarks.input.consume JOB MEASURE ARGUMENTS [CORE …]

It runs in the environment of the loader, so it needs nothing but the standard library and psutil.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.input.accelerator import utilizations
from benchmarks.input.cpu_time import TICK, adopt_orphans, cpu_seconds
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
    _count(iterator, lambda rows, passed: passed >= warm_seconds)  # noqa: ARG005  one signature for both ends
    return _measured(iterator, lambda rows, passed: passed >= seconds)  # noqa: ARG005


def epoch(batches: Batches, rows: int) -> dict[str, float]:
    """Measure the first epoch, from the moment that the pipeline is built.

    Args:
        batches: Starts the iteration.
        rows: Rows of the epoch.

    Returns:
        `rows`, `seconds` and `cpu_seconds`.
    """
    return _measured(batches(), lambda count, passed: count >= rows)  # noqa: ARG005


def _measured(iterator: Iterator[dict[str, Any]], is_over: Callable[[int, float], bool]) -> dict[str, float]:
    cpu = cpu_seconds()
    rows, seconds = _count(iterator, is_over)
    return {"rows": rows, "seconds": seconds, "cpu_seconds": max(cpu_seconds() - cpu, TICK)}


def _count(iterator: Iterator[dict[str, Any]], is_over: Callable[[int, float], bool]) -> tuple[int, float]:
    """Consume batches until `is_over(rows, seconds)`; return both."""
    rows, begin = 0, time.perf_counter()
    for batch in iterator:
        rows += len(batch["label"])
        if is_over(rows, time.perf_counter() - begin):
            break
    return rows, time.perf_counter() - begin


MEASURES: dict[str, Callable[..., Any]] = {"steady": steady, "epoch": epoch, "accelerators": utilizations}

if __name__ == "__main__":
    main()
