"""Datasets with copies of rows: unique keys, honest splits, the same statistics, bounded tasks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import dask.dataframe as dd
import pandas as pd
import pyarrow as pa
import pytest

from firelib.config import Split
from firelib.data.prepare import compute_positions
from firelib.data.split.position import find_ranges, split_ranges
from firelib.data.synthetic.copies import STRIDE
from firelib.data.synthetic.scaled_recipe import find_copied_column, scale_up
from firelib.recipe import SPLITS, Feature, Recipe, find_split_rule, load_recipe, split_columns
from tests.data.transformed import hashes, make
from tests.errors import refused
from tests.recipes.tiny import CITIES, Tiny, derive, order_rows, tiny_recipe, write_sources

SHARES = Split(train=0.6, validation=0.2, test=0.2)
COPIES = 3


class Kept(Tiny):
    """Has no feature with the key."""

    features: ClassVar[tuple[Feature, ...]] = tuple(  # type: ignore[assignment]  # fewer than Tiny's
        feature for feature in Tiny.features if feature.name != "window"
    )


class ByShop(Kept):
    split_by = ("shop",)


class ByState(Kept):
    split_column = "side"

    def transform(self, tables: Mapping[str, Any]) -> Any:
        sides = {"paid": "train", "returned": "validation", "cancelled": "test"}
        rows = super().transform(tables)
        return rows.assign(side=rows["state"].map(sides, meta=("side", "str")))


class LastDay(Kept):
    test_rows = "is_last"

    def transform(self, tables: Mapping[str, Any]) -> Any:
        rows = super().transform(tables)
        return rows.assign(is_last=rows["day"] == 4)


class Paid(Kept):
    """Joins two tables by the column that numbers copies."""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        orders = tables["orders"].merge(tables["payments"], how="left", on="id")
        return orders.merge(tables["shops"], how="left", on="shop").map_partitions(derive)


class Strata(Kept):
    stratify_by = ("big",)


class OnlyFeatures(Kept):
    features = (*Kept.features, Feature("id", "int64"), Feature("day", "int64"))


def orders() -> pd.DataFrame:
    rows = pd.DataFrame(order_rows())
    numbers = {name: pd.to_numeric(rows[name], errors="coerce") for name in ("amount", "items")}
    return rows.assign(**numbers, state=rows["state"].astype("str")).astype({"items": "Int64"})


def scale(kind: type[Recipe], copies: int = COPIES, partitions: int = 4, **others: pd.DataFrame) -> tuple[Recipe, Any]:
    """The recipe and the Dask dataframe of the copies."""
    shops = pd.DataFrame({"shop": [f"s{index}" for index in range(len(CITIES))], "city": CITIES})
    tables = {"orders": dd.from_pandas(orders(), npartitions=partitions)}
    tables |= {name: dd.from_pandas(frame, npartitions=2) for name, frame in {"shops": shops, **others}.items()}
    scaled = scale_up(kind(), copies, SHARES)
    return scaled, scaled.transform(tables)


def rows_of(frame: Any) -> pd.DataFrame:
    rows: pd.DataFrame = frame.compute(scheduler="sync").sort_values("id").reset_index(drop=True)
    return rows


def splits_of(recipe: Recipe, rows: pd.DataFrame) -> pd.Series:
    """The split of each row."""
    identity = pa.Table.from_pandas(rows[[*dict.fromkeys([*recipe.key, *split_columns(recipe)])]], preserve_index=False)
    positions, _ = compute_positions(identity, recipe, SHARES)
    found = find_ranges(positions, split_ranges(SHARES, find_split_rule(recipe)))
    return pd.Series([SPLITS[index] for index in found], rows.index)


def test_without_copies_the_recipe_is_the_same() -> None:
    recipe = load_recipe("flights")
    assert scale_up(recipe, 1, SHARES) is recipe


@pytest.mark.parametrize(("recipe", "column"), [("flights", "flight"), ("fashion_mnist", "row")])
def test_recipes_of_firelib_have_a_column_that_numbers_copies(recipe: str, column: str) -> None:
    assert find_copied_column(load_recipe(recipe), {"a": ["row"], "b": ["year", "carrier", "flight"]}) == column


def test_copies_do_not_depend_on_partitions() -> None:
    many, one = scale(Kept, partitions=7)[1], scale(Kept, partitions=1)[1]
    assert many.npartitions == 7 * one.npartitions
    pd.testing.assert_frame_equal(rows_of(many), rows_of(one))


def test_more_copies_make_more_tasks_and_none_larger() -> None:
    _, frame = scale(Kept, copies=7, partitions=4)
    sizes = [len(part.compute(scheduler="sync")) for part in frame.to_delayed()]
    assert sizes == sizes[:4] * 7
    assert sum(sizes) == 7 * len(order_rows())


@pytest.mark.parametrize("kind", [Kept, ByShop, ByState, LastDay])
def test_copies_are_in_the_split_of_their_row(kind: type[Recipe]) -> None:
    scaled, frame = scale(kind)
    rows = rows_of(frame)
    assert not rows.duplicated(list(scaled.key)).any()
    splits = splits_of(scaled, rows)
    plain, originals = scale(kind, copies=1)
    expected = splits_of(plain, rows_of(originals))
    assert len(set(expected)) > 1
    for copy in range(COPIES):
        mine = rows["id"] // STRIDE == copy
        assert splits[mine].tolist() == expected.tolist()


def test_rows_of_a_split_are_mixed() -> None:
    """Were copies sorted by the hash of their original, a batch would hold the same row many times."""
    scaled, frame = scale(Kept)
    rows = rows_of(frame)
    identity = pa.Table.from_pandas(rows[[*scaled.key, *split_columns(scaled)]], preserve_index=False)
    order = compute_positions(identity, scaled, SHARES)[0].argsort()
    originals = (rows["id"] % STRIDE).to_numpy()[order]
    assert (originals[1:] == originals[:-1]).mean() < 0.05


def test_joined_tables_are_copied_too() -> None:
    payments = pd.DataFrame({"id": orders()["id"], "paid": orders()["id"] * 2})
    rows = rows_of(scale(Paid, payments=payments)[1])
    assert len(rows) == COPIES * len(order_rows())
    assert (rows["paid"] == rows["id"] % STRIDE * 2).all()


def test_strata_are_refused() -> None:
    with refused(what="big", where="data.scale", remedy=["data.scale", "stratify_by"]):
        scale_up(Strata(), COPIES, SHARES)


def test_a_key_of_features_is_refused() -> None:
    with refused(what=["day", "id"], where="data.scale", remedy="data.scale"):
        scale(OnlyFeatures)


@pytest.mark.usefixtures("ray_cluster")
def test_a_dataset_of_copies(tmp_path: Path) -> None:
    """Rows, shards and statistics, from the real transform; partitions do not change a byte."""
    write_sources(tmp_path / "a")
    write_sources(tmp_path / "b")
    original, _ = make(tmp_path / "a", tiny_recipe(tmp_path / "a", kind=Kept))
    scaled, paths = make(tmp_path / "a", tiny_recipe(tmp_path / "a", kind=Kept), scale=COPIES)
    files = hashes(paths.tfrecords)
    again, others = make(tmp_path / "b", tiny_recipe(tmp_path / "b", kind=Kept), scale=COPIES, partition_bytes=1024)
    assert again == scaled
    assert hashes(others.tfrecords) == files
    assert scaled.quality["copies"] == COPIES
    assert "copies" not in original.quality
    assert scaled.quality["read"] == COPIES * original.quality["read"]
    assert scaled.quality["rejected"] == {}
    assert {name: split.rows for name, split in scaled.splits.items()} == {
        name: COPIES * split.rows for name, split in original.splits.items()
    }
    for name, fitted in original.fitted.items():
        copied = scaled.fitted[name]
        assert (copied.count, copied.missing) == (COPIES * fitted.count, COPIES * fitted.missing)
        assert (copied.minimum, copied.maximum) == (fitted.minimum, fitted.maximum)
        assert copied.vocabulary == fitted.vocabulary
        assert (copied.mean, copied.std) == pytest.approx((fitted.mean, fitted.std))
