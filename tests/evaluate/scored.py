"""Recipes and rows for tests of evaluations and predictions."""

from typing import Any

from firelib.evaluate.input_rows.read import InputRows, from_json
from firelib.recipe import Feature, Recipe, Source


class Scored(Recipe):
    name = "scored"
    key = ("id",)
    label = Feature("up", "int64", range=(0, 1))

    def __init__(self, *features: Feature, sources: dict[str, Source] | None = None, **attributes: Any) -> None:
        self.features = features  # type: ignore[misc]
        self.sources = sources or {"rows": Source("rows.csv")}  # type: ignore[misc]
        vars(self).update(attributes)


def json_rows(rows: list[dict[str, Any]], *features: Feature) -> InputRows:
    return from_json(rows, Scored(*features), "here")
