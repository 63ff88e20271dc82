"""The tables that the engines transform, the recipe, and the lake with any number of commits."""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
from deltalake import DeltaTable

from firelib import Feature, Recipe, Source, storage
from firelib.data.delta_tables import append_part, build_table_record
from firelib.data.lake import Lake
from firelib.data.parts.part import Part
from firelib.project_layout import Paths

_NUMBERS = [f"number_{index}" for index in range(8)]
_SCORES = ["score", "age", "since"]
_RIDES = 3  # of a rider, on average
_ZONES = 260


class Trips(Recipe):
    """Trips with their zone (a small table), their rider (a large table), and totals of the rider (a group-by)."""

    name = "trips"
    sources: ClassVar[Mapping[str, Source]] = {}  # `write_lake` writes the lake
    key = ("id",)
    features = (
        *(Feature(name, "float32") for name in _NUMBERS),
        Feature("minutes", "int64", range=(0, 600)),
        Feature("seats", "int64", range=(0, 8)),
        Feature("kind", "string", max_length=8),
        Feature("area", "float32", nullable=True),
        *(Feature(name, "float32", nullable=True) for name in _SCORES),
        Feature("city", "string", max_length=8, nullable=True),
        Feature("rides", "int64", range=(0, 10**6)),
        Feature("spent", "int64", range=(0, 10**12)),
    )
    label = Feature("tipped", "int64", range=(0, 1))
    parameters: ClassVar[Mapping[str, Any]] = {}

    def transform(self, tables: Mapping[str, Any]) -> Any:
        trips = tables["trips"].merge(tables["zones"], how="left", on="zone")
        counted = tables["trips"].assign(rides=1, spent=tables["trips"]["cents"])
        grouped = counted.groupby("rider", sort=False)
        totals = grouped.agg({"rides": "sum", "spent": "sum"}, split_out=counted.npartitions).reset_index()
        riders = tables["riders"].merge(totals, how="left", on="rider", broadcast=False)
        return trips.merge(riders, how="left", on="rider", broadcast=False).map_partitions(add_label)

    def exclude(self, rows: pd.DataFrame) -> Mapping[str, "pd.Series[bool]"]:
        return {"cancelled": rows["minutes"] == 0}

    def build_model(self, features: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
        raise NotImplementedError  # nothing is trained


def add_label(rows: pd.DataFrame) -> pd.DataFrame:
    """Whether there was a tip, which is a column of 0 and 1."""
    return rows.assign(tipped=(rows["number_0"] + rows["score"] > 1).astype("int64"))


def make_tables(rows: int, seed: int = 0) -> dict[str, pa.Table]:
    """Trips, riders and zones.

    Args:
        rows: Number of trips.
        seed: Seed of the values.
    """
    random = np.random.default_rng(seed)
    riders = max(rows // _RIDES, 1)
    trips: dict[str, Any] = {"id": np.arange(rows), "rider": random.integers(0, riders, rows)}
    trips |= {"zone": random.integers(0, _ZONES, rows), "cents": random.integers(300, 9000, rows)}
    trips |= {name: random.normal(size=rows) for name in _NUMBERS}
    trips |= {"minutes": random.integers(0, 90, rows), "seats": random.integers(1, 6, rows)}
    kinds = pa.array(["yellow", "green", "pool", "black"])
    trips["kind"] = pa.DictionaryArray.from_arrays(pa.array(random.integers(0, 4, rows)), kinds).cast(pa.string())
    names = pa.array(["Rome", "Oslo", "Zürich", "Lima", "Osaka"])
    cities = pa.DictionaryArray.from_arrays(pa.array(random.integers(0, 5, riders)), names).cast(pa.string())
    return {
        "trips": pa.table(trips),
        "riders": pa.table(
            {"rider": random.permutation(riders), "city": cities}
            | {name: random.normal(size=riders) for name in _SCORES}
        ),
        "zones": pa.table({"zone": np.arange(_ZONES), "area": random.uniform(1, 90, _ZONES)}),
    }


def paths_of(folder: Path) -> Paths:
    """The paths of the benchmark's project."""
    return Paths(Trips.name, str(folder / "storage"), folder)


def data_files(folder: Path, table: str) -> list[str]:
    """The Parquet files of a table of the lake.

    Args:
        folder: The benchmark's project.
        table: Name of the table.
    """
    return sorted(DeltaTable(storage.join(paths_of(folder).lake, table)).file_uris())


def write_lake(tables: Mapping[str, pa.Table], commits: int, paths: Paths) -> None:
    """Write the lake and lake.json as `firelib extract` does.

    Args:
        tables: What `make_tables` returns.
        commits: Number of versions of the table of trips; the others have one.
        paths: Where the lake and lake.json go.
    """
    records = {}
    for name, table in tables.items():
        edges = np.linspace(0, table.num_rows, (commits if name == "trips" else 1) + 1).astype(int)
        parts = [Part({}, table.slice(first, stop - first)) for first, stop in pairwise(edges)]
        for version, part in enumerate(parts):
            append_part(storage.join(paths.lake, name), part, version)
        records[name] = build_table_record("generated", "", table.schema, parts)
    Lake(recipe=Trips.name, tables=records).write(paths.lake_json)
