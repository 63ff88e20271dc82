"""`prepare` must not need the column of the label."""

import pandas as pd
import pyarrow as pa
import pytest

from firelib.check.prepare import check_prepare
from firelib.check.sources import Preview
from firelib.recipe import Feature, Recipe, parse_numbers
from tests.evaluate.scored import Scored

LABEL = Feature("price", "float32")
ROWS = pa.table({"size": [1.0, 2.0], "price": ["1,5", "2,5"]})


class Plain(Scored):
    def prepare(self, rows: pd.DataFrame) -> pd.DataFrame:
        return parse_numbers(rows, "price", decimal=",").assign(double=lambda all_: all_["size"] * 2)


class Reads(Scored):
    def prepare(self, rows: pd.DataFrame) -> pd.DataFrame:
        return parse_numbers(rows, "price", decimal=",").assign(double=lambda all_: all_["size"] / all_["price"])


class Depends(Scored):
    def prepare(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(double=len(rows.columns))


@pytest.mark.parametrize(("kind", "found"), [(Scored, False), (Plain, False), (Reads, True), (Depends, True)])
def test_a_prepare_that_reads_the_label_is_named(kind: type[Scored], found: bool) -> None:
    recipe: Recipe = kind(Feature("double", "float32"), label=LABEL)
    findings = list(check_prepare(recipe, None, Preview({"rows": ROWS}, set(), [])))
    assert [(each.severity, each.value) for each in findings] == [("error", "price")] * found


class Ranks(Scored):
    def prepare(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(double=rows["size"].rank(pct=True))


def test_a_prepare_that_looks_at_other_rows_is_named() -> None:
    recipe = Ranks(Feature("double", "float32"), label=LABEL)
    rows = pa.table({"size": [3.0, 1.0, 2.0, 5.0], "price": ["1", "2", "3", "4"]})
    findings = list(check_prepare(recipe, None, Preview({"rows": rows}, set(), [])))
    assert [(each.severity, each.value) for each in findings] == [("error", "double")]
