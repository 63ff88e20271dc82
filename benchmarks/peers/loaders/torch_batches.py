"""What the two loaders of PyTorch share: rows as mappings, collated by NumPy."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.input.job import Schema


def collate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Stack rows by column, in favour of the peers: PyTorch's default makes a tensor of each value first."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def row(columns: Mapping[str, Any], schema: Schema, index: int) -> dict[str, Any]:
    """Build a row: arrays stay NumPy arrays, numbers and strings become Python's."""
    return {name: columns[name][index] if shape else columns[name][index].item() for name, (_, shape) in schema.items()}


def epochs(loader: Any) -> Iterator[dict[str, Any]]:
    """Iterate over a DataLoader for ever."""
    while True:
        yield from loader
