"""The quick conversion gives what the reader of files gives, or leaves the rows to it."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.errors import FirelibError
from firelib.evaluate.input_rows.read import from_json
from firelib.evaluate.input_rows.validation import validate
from firelib.recipe import Feature
from firelib.serve import request_columns
from firelib.serve.request_body import RequestRows
from firelib.serve.request_columns import convert_rows
from tests.evaluate.scored import Scored
from tests.examples import examples

FEATURES = [
    Feature("x", "float32", range=(0, 0.1), nullable=True),
    Feature("x", "float32"),
    Feature("x", "float16"),
    Feature("x", "bfloat16"),
    Feature("x", "float64", range=(-1, 300)),
    Feature("x", "int8", range=(0, 100), nullable=True, missing=-1),
    Feature("x", "int64"),
    Feature("x", "uint64"),
    Feature("x", "bool"),
    Feature("x", "string", max_length=3, nullable=True),
    Feature("x", "string"),
    Feature("x", "bytes"),
    Feature("x", "uint8", shape=(2, 2)),
    Feature("x", "float32", shape=(2,), nullable=True),
    Feature("x", "int64", ragged=True),
    Feature("x", "string", ragged=True),
    Feature("x", "float32", optional=True),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 130),
    st.sampled_from(
        [2**63, -(2**63) - 1, 0.1, 1.5, 1e39, 65520.0, 3.4e38, float("nan"), float("inf"), "", "a", "abcd"]
    ),
    st.sampled_from(["ü", "a\0", "\ud800", 0.05, 1.0]),
)
VALUES = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=4), st.lists(st.lists(st.integers(0, 300), max_size=3), max_size=3)
)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: f"{feature.dtype}{feature.shape}")
@examples(30)
@given(values=st.lists(VALUES, min_size=1, max_size=3))
def test_quick_conversion_decides_as_the_reader(feature, values):
    recipe, rows = Scored(feature), [{"x": value} for value in values]
    columns, problems = convert_rows(RequestRows(len(rows), rows=rows), recipe)
    try:
        expected = validate(from_json(rows, recipe, "here"), recipe.features)["x"]
    except FirelibError:
        assert columns is None
        assert problems.count
        return
    assert columns is not None
    assert type(columns["x"]) is type(expected)
    if isinstance(expected, pa.Array):
        assert repr(columns["x"].to_pylist()) == repr(expected.to_pylist())
    else:
        assert columns["x"].dtype == expected.dtype
        assert columns["x"].shape == expected.shape
        assert repr(columns["x"].tolist()) == repr(expected.tolist())


@pytest.mark.parametrize(
    "value", [[[1, 2], [3, 4], [5, 6]], [[1, 2, 3, 4, 5, 6]], [[[1, 2, 3]], [[4, 5, 6]]], [[], []]]
)
def test_arrays_of_another_shape_are_refused(value):
    columns, problems = convert_rows(RequestRows(1, rows=[{"x": value}]), Scored(Feature("x", "float32", shape=(2, 3))))
    assert columns is None
    assert problems.count == 1


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (Feature("x", "float32", nullable=True), 1.5),
        (Feature("x", "float32", nullable=True), None),
        (Feature("x", "int16", range=(0, 9)), 9),
        (Feature("x", "string", max_length=4), "up"),
        (Feature("x", "uint8", shape=(2, 2)), [[1, 2], [3, 4]]),
        (Feature("x", "string", ragged=True), ["a", "b"]),
    ],
)
def test_usual_rows_are_converted_quickly(monkeypatch, feature, value):
    monkeypatch.setattr(request_columns, "from_json", None)
    columns, _ = convert_rows(RequestRows(3, columns={"x": [value] * 3}), Scored(feature))
    assert columns is not None
