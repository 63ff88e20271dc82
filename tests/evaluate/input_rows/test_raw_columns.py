"""Raw rows of JSON reach `prepare` with the dtypes of a file."""

from typing import ClassVar

import numpy as np
import pytest

from firelib.evaluate.input_rows.prepare import UnpreparedRowsError, prepare_records
from firelib.evaluate.input_rows.read import read_rows
from firelib.recipe import Feature, Recipe, Source
from tests.errors import refused


def recipe_of(function, **types):
    class Raw(Recipe):
        name = "raw"
        sources: ClassVar = {"rows": Source("rows.csv", types=types)}
        features = (Feature("x", "float32", nullable=True),)
        label = Feature("y", "int64", range=(0, 1))
        key = ("id",)

        def prepare(self, rows):
            return function(rows)

    return Raw()


def prepared(rows, function, **types):
    return [row.get("x") for row in prepare_records(rows, recipe_of(function, **types), "here")]


@pytest.mark.parametrize(
    ("rows", "function", "expected"),
    [
        ([{"p": 0}, {"p": None}], lambda rows: np.log1p(rows["p"]), [0, None]),
        ([{"p": 1.5}, {"p": None}], lambda rows: rows.p * 2, [3, None]),
        ([{"p": None}], lambda rows: np.log1p(rows["p"]) * 2, [None]),
        ([{"p": None}], lambda rows: rows["p"].str.len(), [None]),
        ([{"p": True}, {"p": None}], lambda rows: rows["p"].astype("float64"), [1, None]),
        ([{"p": "2020-03-01"}], lambda rows: rows["p"].dt.month, [3]),
        ([{"p": "2020-03-01"}], lambda rows: rows["p"].str.len(), [10]),
        ([{"p": [1, 2]}, {"p": [3]}], lambda rows: rows["p"].map(len), [2, 1]),
        ([{"p": 2**70}, {"p": 0.5}], lambda rows: rows["p"] / 2, [2.0**69, 0.25]),
    ],
)
def test_ordinary_functions_work(rows, function, expected):
    assert prepared(rows, lambda frame: frame.assign(x=function(frame))) == expected


@pytest.mark.parametrize("lines", ["1,a,true,2020-01-01\n,,,\n", "1,a,true,2020-01-01\n2,b,false,2021-01-01\n"])
def test_dtypes_are_those_of_a_file(tmp_path, lines):
    seen = []
    recipe = recipe_of(lambda rows: seen.append(rows) or rows.assign(x=0.0))
    (tmp_path / "rows.csv").write_text("n,text,flag,day\n" + lines)
    read_rows(str(tmp_path / "rows.csv"), recipe)
    rows = [
        dict(zip(("n", "text", "flag", "day"), (eval_json(value) for value in line.split(",")), strict=True))
        for line in lines.splitlines()
    ]
    prepare_records(rows, recipe, "here")
    assert dict(seen[0].dtypes) == dict(seen[1].dtypes)


def eval_json(text):
    return {"": None, "true": True, "false": False}.get(text, int(text) if text.isdigit() else text)


def test_declared_types_apply():
    seen = []
    rows = [{"zip": 123, "price": 5, "empty": None, "code": "007"}, {"zip": "a", "price": "2.50", "code": "008"}]
    types = {"zip": "string", "price": "decimal(10, 2)", "empty": "int64", "code": "int64"}
    prepare_records(rows, recipe_of(lambda frame: seen.append(frame) or frame, **types), "here")
    assert seen[0]["zip"].tolist() == ["123", "a"]
    assert [str(price) for price in seen[0]["price"]] == ["5.00", "2.50"]
    assert str(seen[0]["empty"].dtype) == "Int64"
    assert seen[0]["code"].tolist() == [7, 8]


@pytest.mark.parametrize("value", ["many", [1], 2.5, 2**80, {"a": 1}])
def test_value_of_another_type_is_named_by_row_and_column(value):
    with refused(what=[("row 1", "p")], kind=UnpreparedRowsError) as caught:
        prepared([{"p": 1}, {"p": value}, {"p": None}], lambda rows: rows, p="int64")
    assert [(row, name) for row, name, _ in caught.value.find_problems().list_first()] == [(1, "p")]


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("value", ["\ud800", nested(900), {"a": nested(50)}])
def test_values_that_libraries_cannot_hold_are_refused(value):
    with refused(what=[("row 0", "p")], kind=UnpreparedRowsError):
        prepared([{"p": value}], lambda rows: rows.assign(x=1.0))


def test_rows_that_prepare_cannot_take_are_found():
    def fail(rows):
        if (rows["v"] > 100).any():
            raise ValueError("a secret")
        return rows

    with refused(what="secret", kind=UnpreparedRowsError) as caught:
        prepared([{"v": value} for value in (1, 101, 2, 3, 200)], fail)
    problems = caught.value.find_problems()
    assert [row for row, _, _ in problems.list_first()] == [1, 4]
    assert "secret" not in str(problems.list_first())


@pytest.mark.parametrize(
    "function", [lambda rows: rows.assign(x=rows["miles"]), lambda rows: rows.assign(x=rows.miles)]
)
def test_missing_raw_column_is_named(function):
    with refused(kind=UnpreparedRowsError, what="miles") as caught:
        prepared([{"km": 1}, {"km": 2}], function)
    assert {(row, name) for row, name, _ in caught.value.find_problems().list_first()} == {(0, "miles"), (1, "miles")}


def test_prepare_must_return_a_frame():
    with refused(what="NoneType", remedy="Recipe.exclude"):
        prepared([{"km": 1}], lambda rows: None)


def test_rows_without_common_columns_are_refused():
    with refused(what=["3,000", "3,000"], kind=UnpreparedRowsError) as caught:
        prepared([{f"c{index}": 1} for index in range(3000)], lambda rows: rows)
    assert caught.value.find_problems().count == 3000
