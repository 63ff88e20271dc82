"""NumPy columns in memory, gathered in a random order: no reading and no decoding, the ceiling for a Python loop."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.input.job import Job, Schema

FILE = "columns.npz"


def write(columns: Mapping[str, Any], schema: Schema, folder: Path) -> None:
    del schema  # NumPy keeps dtypes and shapes
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / FILE, **columns)


def load(folder: Path) -> dict[str, Any]:
    """Read the columns that `write` wrote."""
    with np.load(folder / FILE) as columns:
        return dict(columns)


@contextmanager
def prepared(job: Job) -> Iterator[Callable[[], Iterator[dict[str, Any]]]]:
    columns = load(Path(job.source))

    def batches() -> Iterator[dict[str, Any]]:
        random, rows = np.random.default_rng(1), len(columns["label"])
        while True:
            order = random.permutation(rows)
            for start in range(0, rows, job.batch):
                chosen = order[start : start + job.batch]
                yield {name: column[chosen] for name, column in columns.items()}

    yield batches
