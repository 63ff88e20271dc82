"""A table that grows by months, and its dataset."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from firelib import Feature, Recipe, Source, storage
from firelib.config import Params, parse_params
from firelib.data.delta_tables import append_part, build_table_record
from firelib.data.lake import Lake
from firelib.data.parts.part import Part
from firelib.data.transform import transform
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import Manifest

_ZONES = 260
_NUMBERS = [f"number_{index}" for index in range(8)]


class Months(Recipe):
    """Trips of each month, with their zone from a small table: no row depends on another month."""

    name = "months"
    sources: ClassVar[Mapping[str, Source]] = {"trips": Source("trips.parquet", commit_by=("month",))}
    key = ("month", "id")
    features = (
        *(Feature(name, "float32") for name in _NUMBERS),
        Feature("minutes", "int64", range=(0, 600)),
        Feature("area", "float32", nullable=True),
    )
    label = Feature("tipped", "int64", range=(0, 1))
    parameters: ClassVar[Mapping[str, Any]] = {}

    def transform(self, tables: Mapping[str, Any]) -> Any:
        trips = tables["trips"].merge(tables["zones"], how="left", on="zone")
        return trips.assign(tipped=(trips["number_0"] > 1).astype("int64"))

    def build_model(self, features: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
        raise NotImplementedError  # nothing is trained


class Together(Months):
    """The same rows, of a table that does not grow."""

    sources: ClassVar[Mapping[str, Source]] = {"trips": Source("trips.parquet")}


class GrowingDataset:
    """A lake that grows by months, and its dataset.

    Args:
        folder: The project.
        rows: Rows of a month.
        recipe: The recipe.
    """

    def __init__(self, folder: Path, rows: int, recipe: Recipe | None = None) -> None:
        self.rows, self._parts, self._recipe = rows, list[Part](), recipe or Months()
        self.paths = Paths(Months.name, str(folder / "storage"), folder)
        zones = pa.table({"zone": np.arange(_ZONES), "area": np.linspace(1, 90, _ZONES)})
        self._zones = [Part({}, zones)]
        append_part(storage.join(self.paths.lake, "zones"), self._zones[0], 0)

    def add_months(self, count: int) -> None:
        """Append months to the lake, each in a commit."""
        for _ in range(count):
            month = len(self._parts)
            self._append(Part({"month": month}, make_month(month, self.rows)))
        self._write_lake()

    def add_together(self, count: int) -> None:
        """Append the first months to the lake, all in one commit."""
        self._append(Part({}, pa.concat_tables([make_month(month, self.rows) for month in range(count)])))
        self._write_lake()

    def _append(self, part: Part) -> None:
        append_part(storage.join(self.paths.lake, "trips"), part, len(self._parts))
        self._parts.append(part)

    def _write_lake(self) -> None:
        tables = {
            name: build_table_record("generated", "", parts[0].rows.schema, parts)
            for name, parts in (("trips", self._parts), ("zones", self._zones))
        }
        Lake(recipe=Months.name, tables=tables).write(self.paths.lake_json)

    def make(self, fresh: bool = False) -> tuple[float, Manifest]:
        """Run the transform; return its seconds and the manifest."""
        started = time.perf_counter()
        manifest = transform(self._recipe, _params(self.paths), self.paths, fresh=fresh)
        return time.perf_counter() - started, manifest


def make_month(month: int, rows: int) -> pa.Table:
    """The trips of a month."""
    random = np.random.default_rng(month)
    columns: dict[str, Any] = {"month": np.full(rows, month), "id": np.arange(rows)}
    columns |= {"zone": random.integers(0, _ZONES, rows), "minutes": random.integers(0, 90, rows)}
    return pa.table(columns | {name: random.normal(size=rows) for name in _NUMBERS})


def _params(paths: Paths) -> Params:
    data = {"version": None, "split": {"train": 0.8, "validation": 0.1, "test": 0.1}, "shard_mib": 4}
    train = {"workers": 1, "global_batch_size": 16, "epochs": 1, "lr": 0.1, "seed": 1}
    raw = {"recipe": Months.name, "storage": {"root": paths.root}, "data": data, "train": train}
    return parse_params(raw, "the benchmark")
