from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from firelib.data.row_validation import REASON, validate_rows
from firelib.recipe import Feature, Recipe
from tests.errors import refused

LABEL = Feature("y", "int64", range=(0, 1))


def recipe_of(*features: Feature, exclude: Any = None, set_aside: Any = None) -> Recipe:
    class Declared(Recipe):
        name = "declared"
        key = ("id",)
        label = LABEL

        def exclude(self, rows: pd.DataFrame) -> Mapping[str, Any]:
            return exclude(rows) if exclude else {}

        def set_aside(self, rows: pd.DataFrame) -> Mapping[str, Any]:
            return set_aside(rows) if set_aside else {}

    Declared.features = features
    return Declared()


def rows_of(values: Sequence[Any], dtype: Any = None, labels: Any = 0) -> pd.DataFrame:
    x = pd.Series(values, dtype=dtype)
    return pd.DataFrame({"id": range(len(x)), "x": x, "y": labels})


def reasons(values: Sequence[Any], feature: Feature, dtype: Any = None) -> list[str | None]:
    """The reason why each row is set aside, None for valid rows."""
    checked = validate_rows(rows_of(values, dtype), recipe_of(feature))
    result: list[str | None] = [None] * len(values)
    for row in checked.set_aside.to_pylist():
        result[row["id"]] = row[REASON]
    assert checked.valid["id"].to_pylist() == [index for index, reason in enumerate(result) if reason is None]
    return result


NAN = float("nan")
OUTSIDE, MISSING, LONG = "x is outside [0, 9]", "x is missing", "x is longer than 2 bytes"


@pytest.mark.parametrize(
    ("feature", "values", "expected"),
    [
        (Feature("x", "float32", range=(0, 9)), [0, 9, 9.5, -1, NAN], [None, None, OUTSIDE, OUTSIDE, MISSING]),
        (Feature("x", "float32", range=(0, 9), nullable=True), [NAN, 10, None], [None, OUTSIDE, None]),
        (Feature("x", "float64"), [1e300, np.inf, -np.inf], [None, "x is infinite", "x is infinite"]),
        (Feature("x", "float32"), [1.0, 1e300], [None, "x is infinite"]),
        (Feature("x", "bfloat16"), [3.3895e38, 3.4e38, -3.4e38, 1.0], [None, "x is infinite", "x is infinite", None]),
        (Feature("x", "int64", range=(0, 9)), [0, 10, -1], [None, OUTSIDE, OUTSIDE]),
        (Feature("x", "int8", range=(0, 9), nullable=True, missing=-1), [-1, -2, 3], [None, OUTSIDE, None]),
        (
            Feature("x", "string", max_length=2),
            ["é", "éa", "", None],
            [None, "x is longer than 2 bytes", None, MISSING],
        ),
        (Feature("x", "string", max_length=4), ["a\0b", "a\0"], [None, "x ends with NUL, as padding does"]),
        (Feature("x", "bool"), [True, None], [None, MISSING]),
        (
            Feature("x", "int16", shape=(2,), range=(0, 9)),
            [[1, 9], [1, 10], [1], [1, 2, 3], [1, None], None, [-1, 99]],
            [None, OUTSIDE, "x has not 2 values", "x has not 2 values", "x lacks a value", MISSING, OUTSIDE],
        ),
        (
            Feature("x", "float32", shape=(2,)),
            [[1.0, 2.0], [NAN, 1.0], [np.inf, 1.0]],
            [None, "x lacks a value", "x is infinite"],
        ),
        (Feature("x", "float32", shape=(2,), nullable=True), [[NAN, 1.0], [None, 1.0]], [None, None]),
        (
            Feature("x", "float32", shape=(2,), optional=True, range=(0, 9)),
            [[1.0, 9.0], None, [1.0, 10.0], [1.0]],
            [None, None, OUTSIDE, "x has not 2 values"],
        ),
        (
            Feature("x", "int64", ragged=True, range=(0, 9)),
            [[], [1, 2, 9], [10], None],
            [None, None, OUTSIDE, MISSING],
        ),
        (Feature("x", "string", ragged=True), [["a", "b"], [None]], [None, "x lacks a value"]),
        (Feature("x", "string"), ["a" * 999, "a\0", None], [None, None, MISSING]),
        (Feature("x", "bytes"), [b"a\0", None], [None, MISSING]),
        (Feature("x", "int64", optional=True, range=(0, 9)), [5, None, 10], [None, None, OUTSIDE]),
    ],
    ids=lambda value: f"{value.dtype}{list(value.shape)}" if isinstance(value, Feature) else "",
)
def test_rows_that_break_a_declaration(feature: Feature, values: list[Any], expected: list[str | None]) -> None:
    dtype = object if feature.shape or feature.dtype in ("string", "bool") else None
    assert reasons(values, feature, dtype) == expected


def test_nulls_of_nullable_integers() -> None:
    feature = Feature("x", "int64", range=(0, 9), nullable=True, missing=-1)
    assert reasons([1, None, 12], feature, "Int64") == [None, None, OUTSIDE]
    assert reasons([1, None], Feature("x", "int64"), "Int64") == [None, MISSING]


def test_the_first_of_several_reasons_is_given() -> None:
    features = (Feature("x", "float32", range=(0, 9)), Feature("id", "int64", range=(5, 6)))
    checked = validate_rows(rows_of([10]), recipe_of(*features))
    assert checked.set_aside[REASON].to_pylist() == [OUTSIDE]


def test_rows_set_aside_keep_every_column() -> None:
    rows = rows_of([10.0]).assign(other="kept")
    (row,) = validate_rows(rows, recipe_of(Feature("x", "float32", range=(0, 9)))).set_aside.to_pylist()
    assert row == {"id": 0, "x": 10.0, "y": 0, "other": "kept", REASON: OUTSIDE}


def test_a_row_with_a_label_outside_its_range_is_set_aside() -> None:
    checked = validate_rows(rows_of([1.0, 1.0], labels=[0, 2]), recipe_of(Feature("x", "float32")))
    assert checked.set_aside[REASON].to_pylist() == ["y is outside [0, 1]"]


def test_excluded_rows_are_counted_once_under_the_first_reason() -> None:
    def exclude(rows: pd.DataFrame) -> Mapping[str, Any]:
        return {"odd": rows["id"] % 2 == 1, "high": rows["x"].gt(2), "never": rows["id"] > 99}

    rows = rows_of([1, None, 3, 4, 5], "Int64")
    checked = validate_rows(rows, recipe_of(Feature("x", "int64", nullable=True, missing=-1), exclude=exclude))
    assert checked.excluded == Counter({"odd": 2, "high": 2, "never": 0})
    assert checked.valid["id"].to_pylist() == [0]


def test_excluded_rows_may_lack_a_label_and_break_declarations() -> None:
    rows = rows_of([99.0, 1.0], labels=pd.array([None, 1], "Int64"))
    recipe = recipe_of(Feature("x", "float32", range=(0, 9)), exclude=lambda rows: {"no": rows["y"].isna()})
    checked = validate_rows(rows, recipe)
    assert checked.valid.num_rows == 1
    assert checked.set_aside.num_rows == 0


def test_the_index_of_the_frame_does_not_matter() -> None:
    rows = rows_of([1.0, 99.0, 3.0]).set_index(pd.Index([7, 7, 7]))
    recipe = recipe_of(Feature("x", "float32", range=(0, 9)), exclude=lambda rows: {"first": rows["id"] == 0})
    checked = validate_rows(rows, recipe)
    assert (checked.valid["id"].to_pylist(), checked.set_aside["id"].to_pylist()) == ([2], [1])


def test_no_rows() -> None:
    checked = validate_rows(rows_of([1.0]).iloc[:0], recipe_of(Feature("x", "float32", range=(0, 9))))
    assert checked.valid.num_rows == checked.set_aside.num_rows == 0


def test_a_null_label_is_an_error_with_an_example() -> None:
    rows = rows_of([1.0, 2.0, 3.0], labels=pd.array([0, None, None], "Int64"))
    with refused(what=["y", 2], where="id=1", remedy="Recipe.exclude"):
        validate_rows(rows, recipe_of(Feature("x", "float32")))


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        (Feature("x", "float32"), ["1.5", "fast"]),
        (Feature("x", "int64"), [1.5, 2.0]),
        (Feature("x", "int8"), [1, 300]),
        (Feature("x", "int64", shape=(1,)), [1, 2]),
        (Feature("x", "float32"), [1.5, "fast"]),
        (Feature("x", "float32"), [{"a": 1}, {"a": 2}]),
        (Feature("x", "float32"), [[1.0], [2.0]]),
    ],
)
def test_a_value_of_another_type_is_an_error(feature: Feature, values: list[Any]) -> None:
    with refused(what="x", remedy="transform"):
        validate_rows(rows_of(values), recipe_of(feature))


def test_a_missing_column_suggests_the_nearest() -> None:
    with refused(what="xx", remedy="x"):
        validate_rows(rows_of([1.0]), recipe_of(Feature("xx", "float32")))


def test_an_exclusion_by_a_missing_column_suggests_the_nearest() -> None:
    recipe = recipe_of(Feature("x", "float32"), exclude=lambda rows: {"no": rows["idd"] > 0})
    with refused(what="idd", where="exclude", remedy="id"):
        validate_rows(rows_of([1.0]), recipe)


def test_rows_that_break_a_rule_are_set_aside_after_those_that_break_a_declaration() -> None:
    """The first reason counts; a mask that is missing is false; excluded rows are not judged."""

    def set_aside(rows: pd.DataFrame) -> Mapping[str, Any]:
        assert 0 not in rows["id"].tolist()
        return {"x is odd": rows["x"] % 2 == 1, "x is 3 or more": rows["x"] >= 3}

    rows = rows_of([1, 1, 2, 3, 4, None, 11], "Int64")
    recipe = recipe_of(
        Feature("x", "int64", range=(0, 9), nullable=True, missing=-1),
        exclude=lambda rows: {"first": rows["id"] == 0},
        set_aside=set_aside,
    )
    checked = validate_rows(rows, recipe)
    assert {row["id"]: row[REASON] for row in checked.set_aside.to_pylist()} == {
        1: "x is odd",
        3: "x is odd",
        4: "x is 3 or more",
        6: OUTSIDE,
    }
    assert checked.valid["id"].to_pylist() == [2, 5]


def test_a_rule_for_a_missing_column_suggests_the_nearest() -> None:
    recipe = recipe_of(Feature("x", "float32"), set_aside=lambda rows: {"no": rows["idd"] > 0})
    with refused(what=["set_aside", "idd"], where="set_aside", remedy="id"):
        validate_rows(rows_of([1.0]), recipe)
