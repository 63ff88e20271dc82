"""Inputs of the benchmarks: images, a table of numbers, a table with strings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from firelib import Feature

LABEL = Feature("label", "int64", range=(0, 9))


@dataclass(frozen=True)
class Case:
    """A dataset.

    Attributes:
        title: Name in the report.
        features: All features, including the label.
        columns: Name → NumPy array [rows, …].
    """

    title: str
    features: list[Feature]
    columns: dict[str, Any]

    def head(self, rows: int) -> dict[str, Any]:
        return {name: column[:rows] for name, column in self.columns.items()}

    @property
    def rows(self) -> int:
        return len(self.columns["label"])

    def table(self) -> pa.Table:
        """Convert the columns to Arrow; arrays become fixed-size lists."""
        return pa.table({name: _arrow(column) for name, column in self.columns.items()})


def images(rows: int) -> Case:
    random = np.random.default_rng(0)
    columns = {"image": random.integers(0, 256, (rows, 28, 28), np.uint8), "label": random.integers(0, 10, rows)}
    return Case("images 28×28", [Feature("image", "uint8", shape=(28, 28)), LABEL], columns)


def numbers(rows: int) -> Case:
    random = np.random.default_rng(0)
    floats = [Feature(f"float_{index:02d}", "float32") for index in range(14)]
    integers = [Feature(f"int_{index}", "int64") for index in range(5)]
    columns: dict[str, Any] = {feature.name: random.normal(size=rows).astype("f4") for feature in floats}
    columns |= {feature.name: random.integers(-5, 10**9, rows) for feature in integers}
    return Case("20 numbers", [*floats, *integers, LABEL], {**columns, "label": random.integers(0, 10, rows)})


def strings(rows: int) -> Case:
    random = np.random.default_rng(0)
    values = np.array(["ORD", "JFK", "a longer name of a thing", "né" * 20, ""], object)
    texts = [Feature(f"text_{index}", "string") for index in range(4)]
    floats = [Feature(f"float_{index}", "float32") for index in range(8)]
    columns: dict[str, Any] = {feature.name: values[random.integers(0, len(values), rows)] for feature in texts}
    columns |= {feature.name: random.normal(size=rows).astype("f4") for feature in floats}
    return Case("8 numbers, 4 strings", [*texts, *floats, LABEL], {**columns, "label": random.integers(0, 10, rows)})


MAKERS = (images, numbers, strings)


def _arrow(column: Any) -> pa.Array:
    if isinstance(column, np.ndarray) and column.ndim > 1:
        return pa.FixedSizeListArray.from_arrays(pa.array(column.reshape(-1)), int(np.prod(column.shape[1:])))
    return pa.array(column)
