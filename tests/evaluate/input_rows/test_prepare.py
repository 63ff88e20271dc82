"""Rows to score go through the recipe's `prepare`, as the rows of the dataset do."""

from typing import ClassVar

import pyarrow as pa
import pytest

from firelib.evaluate.input_rows.read import from_json, from_table
from firelib.recipe import Feature, Recipe, Source, add_date_parts
from tests.errors import refused


class Sales(Recipe):
    name = "sales"
    sources: ClassVar = {"sales": Source("sales.csv")}
    features = (Feature("unit_price", "float32"), Feature("sold_days", "float64", nullable=True))
    label = Feature("back", "int64", range=(0, 1))
    key = ("id",)

    def prepare(self, rows):
        return add_date_parts(rows.rename(columns={"unit price": "unit_price"}), "sold")


ROWS = [{"id": 1, "unit price": 2.5, "sold": "1970-01-03"}, {"id": 2, "unit price": 3, "sold": None}]


@pytest.mark.parametrize(
    "build",
    [
        lambda recipe: from_json(ROWS, recipe, "here"),
        lambda recipe: from_table(pa.Table.from_pylist(ROWS), recipe, "here"),
    ],
)
def test_features_are_derived(build):
    rows = build(Sales())
    assert rows.columns["sold_days"].to_pylist()[0] == 2
    assert rows.columns["unit_price"].to_pylist() == [2.5, 3]


def test_error_of_prepare_names_recipe_and_rows():
    class Broken(Sales):
        def prepare(self, rows):
            return rows.assign(x=rows["absent"])

    with refused(what=["KeyError", "absent"], where=["sales", "here"]):
        from_json(ROWS, Broken(), "here")


def test_prepare_must_keep_all_rows():
    class Short(Sales):
        def prepare(self, rows):
            return rows.iloc[:1]

    with refused(what=["2", "1"], remedy="Recipe.exclude"):
        from_json(ROWS, Short(), "here")
