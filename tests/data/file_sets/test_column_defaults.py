"""Values for rows without one, in the lake and in rows to score."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from firelib.data.extract import extract
from firelib.data.file_sets.column_defaults import fill_defaults
from firelib.data.tables import read_table
from firelib.evaluate.input_rows.read import read_rows
from firelib.recipe import Feature, Recipe, Source
from tests.errors import refused
from tests.recipes.tiny import project, tiny_recipe


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (pa.int64(), 2**60 + 1),
        (pa.float32(), 0.5),
        (pa.string(), "é"),
        (pa.bool_(), False),
        (pa.date32(), date(2024, 2, 29)),
        (pa.decimal128(10, 2), Decimal("1.50")),
        (pa.dictionary(pa.int8(), pa.string()), "a"),
        (pa.null(), 5),
    ],
    ids=str,
)
def test_missing_values_are_filled_in_their_type(kind: pa.DataType, default: Any) -> None:
    rows = pa.table({"x": pa.array([None, None], kind), "other": pa.array([None, 1])})
    filled = fill_defaults(rows, Source("t.csv", defaults={"x": default}), "t")
    assert filled["x"].to_pylist() == [default, default]
    assert filled["other"].to_pylist() == [None, 1]
    assert filled.column_names == rows.column_names


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        (pa.int64(), 0.5),
        (pa.int64(), "5"),
        (pa.int8(), 300),
        (pa.string(), 5),
        (pa.null(), 2**70),
        (pa.null(), Path("x")),
        (pa.int64(), Path("x")),
    ],
    ids=str,
)
def test_a_default_of_another_type_is_refused(kind: pa.DataType, default: Any) -> None:
    rows = pa.table({"x": pa.array([None], kind)})
    named = "Arrow" if pa.types.is_null(kind) else str(kind)
    with refused(what=["x", named, repr(default)], where="table t", remedy="Source.defaults"):
        fill_defaults(rows, Source("t.csv", defaults={"x": default}), "table t")


def recipe_of(folder: Path) -> Recipe:
    recipe = tiny_recipe(folder)
    defaults = {"gate": "none", "bags": 0, "later": 7}
    source = Source(str(folder / "parts"), union=True, types={"bags": "int16", "later": "float32"}, defaults=defaults)
    recipe.sources = {"t": source}  # type: ignore[misc]
    recipe.features = (Feature("bags", "int64"), Feature("gate", "string"))  # type: ignore[misc]
    return recipe


def test_rows_of_files_without_the_column_have_the_default(tmp_path: Path) -> None:
    """Also rows in which it is empty; and a column that no file has yet is there."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "1.csv").write_text("day,id\n1,1\n")
    (tmp_path / "parts" / "2.csv").write_text("day,id,gate,bags\n1,2,B4,3\n1,3,,\n")
    paths = project(tmp_path)[1]
    columns = extract(recipe_of(tmp_path), paths).tables["t"].columns
    assert [columns[name] for name in ("gate", "bags", "later")] == ["string", "int16", "float"]
    rows = read_table(f"{paths.lake}/t", 0).compute(scheduler="sync").sort_values("id")
    assert rows["gate"].tolist() == ["none", "B4", "none"]
    assert rows["bags"].tolist() == [0, 3, 0]
    assert rows["later"].tolist() == [7, 7, 7]


def test_rows_to_score_have_the_default(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("day,id,gate\n1,1,\n")
    recipe = recipe_of(tmp_path)
    for rows in (str(tmp_path / "new.csv"), '{"day": 1, "id": 1, "gate": null}'):
        columns = read_rows(rows, recipe).columns
        assert (columns["gate"].to_pylist(), columns["bags"].to_pylist()) == (["none"], [0])
