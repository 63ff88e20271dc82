"""A small recipe with features of all kinds, and its generated sources."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from firelib.config import Params, parse_params
from firelib.project_layout import Paths
from firelib.recipe import Feature, FittedFeature, Recipe, Source

DAYS = 4
CITIES = ("Rome", "Zürich", "NA", "Oslo")
Row = dict[str, Any]


class Tiny(Recipe):
    """Orders, and the city of their shop."""

    name = "tiny"
    sources: Mapping[str, Source] = {}  # set for each instance by `tiny_recipe`
    key = ("day", "id")
    features = (
        Feature("amount", "float32", range=(0, 1000), nullable=True),
        Feature("items", "int64", range=(0, 100), nullable=True, missing=-1),
        Feature("shop", "string", max_length=2),
        Feature("city", "string", max_length=8, nullable=True),
        Feature("window", "int16", shape=(2,), range=(0, 30_000)),
    )
    label = Feature("big", "int64", range=(0, 1))
    parameters: Mapping[str, Any] = {"hidden": [4]}

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return tables["orders"].merge(tables["shops"], how="left", on="shop").map_partitions(derive)

    def exclude(self, rows: pd.DataFrame) -> Mapping[str, Any]:
        return {"cancelled": rows["state"] == "cancelled", "returned": rows["state"].isin(["returned", "cancelled"])}

    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> Any:
        raise NotImplementedError


def derive(rows: pd.DataFrame) -> pd.DataFrame:
    pairs = rows[["day", "id"]].fillna(0).to_numpy(int).tolist()
    return rows.assign(window=pd.Series(pairs, index=rows.index, dtype=object))


def order_rows(count: int = 300, seed: int = 0) -> list[Row]:
    """Valid orders of `DAYS` days, with some missing values."""
    random = np.random.default_rng(seed)
    return [
        {
            "day": 1 + index * DAYS // count,
            "id": index,
            "shop": f"s{random.integers(6)}",
            "amount": "NA" if random.random() < 0.1 else round(float(random.uniform(0, 1000)), 2),
            "items": "" if random.random() < 0.1 else int(random.integers(0, 100)),
            "state": random.choice(["paid", "paid", "paid", "cancelled", "returned"]),
            "big": int(random.integers(2)),
        }
        for index in range(count)
    ]


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    rows = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_sources(folder: Path, orders: Sequence[Row] | None = None) -> None:
    """orders.csv and shops.csv; two of six shops have no city."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "orders.csv", orders or order_rows())
    write_csv(folder / "shops.csv", [{"shop": f"s{index}", "city": city} for index, city in enumerate(CITIES)])


def tiny_recipe(folder: Path, commit_by: tuple[str, ...] = ("day",), kind: Callable[[], Recipe] = Tiny) -> Recipe:
    recipe = kind()
    recipe.sources = {  # type: ignore[misc]
        "orders": Source(str(folder / "orders.csv"), commit_by=commit_by),
        "shops": Source(str(folder / "shops.csv"), null_values=("",)),
    }
    return recipe


def project(folder: Path, **data: Any) -> tuple[Params, Paths]:
    """Parameters and paths of a project in a folder; `data` overrides values of section `data`."""
    split = {"train": 0.6, "validation": 0.2, "test": 0.2}
    raw = {
        "recipe": "tiny",
        "storage": {"root": str(folder / "storage")},
        "data": {"version": None, "split": split, "shard_mib": 0.004, "partition_bytes": 8192, **data},
        "train": {"workers": 1, "global_batch_size": 16, "epochs": 1, "lr": 0.1, "seed": 1},
    }
    return parse_params(raw, "params.yaml"), Paths("tiny", str(folder / "storage"), folder)
