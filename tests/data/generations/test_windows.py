"""Recipes that declare on how many earlier commits a row may depend."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.data.generations.made import assert_from_scratch, generations_of, made_files, remake
from tests.data.transformed import make
from tests.errors import refused
from tests.recipes.tiny import Tiny, derive, order_rows, tiny_recipe, write_sources

pytestmark = pytest.mark.usefixtures("ray_cluster")
ROWS = order_rows()


class OfTheDay(Tiny):
    """Counts the orders of a shop on the day: a group-by, but within a commit."""

    window = 0
    by = ("day", "shop")

    def transform(self, tables: Mapping[str, Any]) -> Any:
        orders, by = tables["orders"], list(self.by)
        counts = orders.groupby(by)["id"].count().rename("count").reset_index()
        return orders.merge(counts, how="left", on=by).merge(tables["shops"], how="left", on="shop").map_partitions(use)


def use(rows: pd.DataFrame) -> pd.DataFrame:
    return derive(rows).assign(items=rows["count"] % 100)


class OfAllDays(OfTheDay):
    by = ("shop",)


class SinceYesterday(Tiny):
    """Counts the orders of a shop on the day before."""

    window = 1

    def transform(self, tables: Mapping[str, Any]) -> Any:
        orders = tables["orders"]
        counts = orders.groupby(["day", "shop"])["id"].count().rename("count").reset_index()
        counts = counts.assign(day=counts["day"] + 1)
        joined = orders.merge(counts, how="left", on=["day", "shop"]).fillna({"count": 0})
        return joined.merge(tables["shops"], how="left", on="shop").map_partitions(use)


class TooShort(SinceYesterday):
    window = 0


class WithoutDay(SinceYesterday):
    key = ("id",)

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).drop(columns=["day"])


@pytest.mark.parametrize("kind", [OfTheDay, SinceYesterday])
def test_a_window_is_enough(tmp_path: Path, kind: type[Tiny]) -> None:
    write_sources(tmp_path / "a", ROWS)
    recipe = tiny_recipe(tmp_path / "a", kind=kind)
    _, paths = make(tmp_path / "a", recipe, version=2)
    before = made_files(paths)
    _, paths = remake(tmp_path / "a", recipe)
    after = made_files(paths)
    assert before.items() <= after.items()
    assert generations_of(after.keys() - before.keys()) == {"00003"}
    assert_from_scratch(paths, tmp_path / "b", ROWS, kind)


def test_generations_with_a_window_have_the_rows_of_the_whole(tmp_path: Path) -> None:
    """With one large generation, the window does not matter."""
    write_sources(tmp_path, ROWS)
    recipe = tiny_recipe(tmp_path, kind=SinceYesterday)
    divided, _ = make(tmp_path, recipe)
    whole, _ = remake(tmp_path, recipe, shard_mib=1)
    assert len(divided.splits["train"].shards) > len(whole.splits["train"].shards)
    for name, feature in whole.fitted.items():
        assert divided.fitted[name].count == feature.count
        assert divided.fitted[name].mean == pytest.approx(feature.mean)
    assert divided.quality == whole.quality


@pytest.mark.parametrize(("kind", "window"), [(OfAllDays, 0), (TooShort, 0)])
def test_a_window_that_is_too_short_is_refused(tmp_path: Path, kind: type[Tiny], window: int) -> None:
    write_sources(tmp_path, ROWS)
    with refused(what=["rows", f"window={window}"], where=["tiny", "day", "id"], remedy=f"window to {window + 1}"):
        make(tmp_path, tiny_recipe(tmp_path, kind=kind))


def test_a_window_needs_rows_that_tell_their_commit(tmp_path: Path) -> None:
    write_sources(tmp_path, ROWS)
    with refused(what=["day"], where="window", remedy="commit_by"):
        make(tmp_path, tiny_recipe(tmp_path, kind=WithoutDay))
