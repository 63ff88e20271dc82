import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.errors import FirelibError
from firelib.evaluate.input_rows.json_rows import parse_json
from firelib.evaluate.input_rows.read import from_json, from_table
from firelib.evaluate.input_rows.validation import validate
from firelib.recipe import Feature
from tests.errors import refused
from tests.evaluate.scored import Scored, json_rows
from tests.examples import examples

FEATURES = (
    Feature("number", "float32", range=(0, 10), nullable=True),
    Feature("word", "string", max_length=5),
)
NAN, INF = float("nan"), float("inf")


def test_names_all_problems_at_once():
    rows = [{"number": 11, "wrd": "up"}, {"number": "many", "word": 7, "count": 1.5}, {"word": "upward", "count": NAN}]
    features = (*FEATURES, Feature("count", "int64", nullable=True, missing=-1))
    with refused(what="row 0", where="input rows", remedy="firelib data show") as caught:
        validate(json_rows(rows, *features), features)
    problems = caught.value.what.splitlines()
    for row, *parts in (
        ("row 0:", "'wrd'", "'word'"),
        ("row 0:", "number", "[0, 10]", "11"),
        ("row 1:", "number", "'many'"),
        ("row 1:", "word", "string", "7"),
        ("row 1:", "count", "1.5"),
        ("row 2:", "count", "nan"),
        ("row 2:", "word", "5 bytes", "'upward'"),
    ):
        assert any(line.startswith(row) and all(part in line for part in parts) for line in problems), (row, parts)


def test_reports_ten_lines_and_a_count():
    rows = [{"number": index, "word": "up"} for index in range(1000)]
    with refused(what=["row 11", "row 20", (989, "1,000")]) as caught:
        validate(json_rows(rows, *FEATURES), FEATURES)
    assert len(caught.value.what.splitlines()) == 11


@pytest.mark.parametrize(
    ("feature", "value", "parts"),
    [
        (Feature("x", "float32"), INF, ["infinite"]),
        (Feature("x", "float32"), -INF, ["infinite"]),
        (Feature("x", "float32"), NAN, ["missing"]),
        (Feature("x", "float32"), 1e39, ["infinite", "1e+39"]),
        (Feature("x", "float32"), 10**400, ["infinite"]),
        (Feature("x", "float64"), True, ["number", "True"]),
        (Feature("x", "float16"), 1e6, ["infinite"]),
        (Feature("x", "int64"), 2**70, ["int64", 2**70]),
        (Feature("x", "uint8"), -1, ["[0, 255]", "-1"]),
        (Feature("x", "int64", range=(0, 5)), 6, ["[0, 5]", 6]),
        (Feature("x", "bool"), 2, ["true or false", 2]),
        (Feature("x", "bool"), "yes", ["true or false"]),
        (Feature("x", "string", max_length=3), "\ud800", ["Unicode"]),
        (Feature("x", "string", max_length=3), "a\0", ["NUL"]),
        (Feature("x", "string"), 5, ["string", 5]),
        (Feature("x", "bytes"), [1], ["string", "[1]"]),
        (Feature("x", "int64", ragged=True), 5, ["list", 5]),
        (Feature("x", "int64", ragged=True), [1, None], ["lacks a value"]),
        (Feature("x", "float32", ragged=True), [1, INF], ["infinite"]),
        (Feature("x", "string", ragged=True), ["a", 1], ["string"]),
        (Feature("x", "float32", shape=(2,)), None, ["missing"]),
        (Feature("x", "float32", optional=True), INF, ["infinite"]),
    ],
)
def test_applies_the_rules_of_the_writer(feature, value, parts):
    with refused(what=[("row 0", "x"), *parts]):
        validate(json_rows([{"x": value}], feature), [feature])


@pytest.mark.parametrize(
    ("feature", "value", "stored"),
    [
        (Feature("x", "string"), "hello", "hello"),
        (Feature("x", "bytes"), "ü", "ü".encode()),
        (Feature("x", "uint64"), 2**64 - 1, 2**64 - 1),
        (Feature("x", "int64"), -(2**63), -(2**63)),
        (Feature("x", "int64"), 3.0, 3),
        (Feature("x", "bool"), 1, True),
        (Feature("x", "int8", range=(0, 1)), True, 1),
        (Feature("x", "int64", nullable=True, missing=-1), False, 0),
        (Feature("x", "bfloat16"), 1.5, 1.5),
        (Feature("x", "int64", nullable=True, missing=-1), None, -1),
        (Feature("x", "string", max_length=3, nullable=True), None, b""),
        (Feature("x", "float32", optional=True), None, None),
        (Feature("x", "int64", ragged=True), [], []),
        (Feature("x", "int64", ragged=True), [1, 2], [1, 2]),
        (Feature("x", "string", ragged=True), ["a", "bc"], ["a", "bc"]),
        (Feature("x", "int64", shape=(2, 1)), [[1], [2]], [[1], [2]]),
    ],
)
def test_accepts_every_kind_of_feature(feature, value, stored):
    column = validate(json_rows([{"x": value}], feature), [feature])["x"]
    values = column.tolist() if isinstance(column, np.ndarray) else column.to_pylist()
    assert values == [stored]


PIXELS = (Feature("image", "uint8", shape=(2, 3)), Feature("shift", "float32", shape=(2,), range=(-1, 1)))
GOOD = [[0, 1, 2], [3, 4, 255]]


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("shoe.png", ["(2, 3)", "'shoe.png'"]),
        ([[0, 1], [2]], ["(2, 3)", "[[0, 1], [2]]"]),
        ([[[0, 1], [2]], [[0]]], ["(2, 3)"]),
        ([[0, 1, 2]], ["(2, 3)", "[[0, 1, 2]]"]),
        ([[0, 1, 2], [3, 4, 256]], ["[0, 255]", 256]),
        ([[0, 1, 2], [3, 4, 0.5]], ["integer"]),
        (list(range(50)), ["(2, 3)", "[0, 1, 2"]),
    ],
)
def test_validates_arrays(image, parts):
    rows = json_rows([{"image": GOOD, "shift": [0, 2]}, {"image": image, "shift": [0, 1]}], *PIXELS)
    with refused(what=[("row 0: shift", "[-1, 1]"), ("row 1: image", *parts)]) as caught:
        validate(rows, PIXELS)
    lines = caught.value.what.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) < 150, "long values are abbreviated"


WIDE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text('aü\0\U0001f600 ,"\n', max_size=4)
VALUES = {
    "int8": st.one_of(st.integers(-130, 130), WIDE),
    "uint32": st.one_of(st.integers(-2, 2**32 + 2), WIDE),
    "int64": WIDE,
    "float32": st.floats(),
    "float64": st.floats(),
    "string": TEXT,
    "bytes": TEXT,
    "bool": st.integers(0, 2),
}


@examples(50)
@given(st.data(), st.sampled_from(sorted(VALUES)), st.booleans(), st.sampled_from(["one", "ragged", "pair"]))
def test_json_and_files_give_the_same(data, dtype, optional, kind):
    """The same values give the same columns or a refusal, whether they come as JSON or as a table."""
    if kind == "pair" and dtype in ("string", "bytes"):
        kind = "one"
    shape = {"shape": (2,)} if kind == "pair" else {"ragged": kind == "ragged"}
    feature = Feature("x", dtype, max_length=3 if dtype == "string" else None, optional=optional, **shape)
    items = VALUES[dtype] if kind == "one" else st.lists(VALUES[dtype], max_size=3)
    values = data.draw(st.lists(st.none() | items, min_size=1, max_size=5))
    text = json.dumps([{"x": value} for value in values])
    recipe = Scored(feature)
    columns = pa.table({"x": pa.array(values)})
    assert outcome(lambda: from_json(parse_json(text, "here"), recipe, "here"), feature) == outcome(
        lambda: from_table(columns, recipe, "here"), feature
    )


def outcome(read, feature):
    try:
        column = validate(read(), [feature])["x"]
    except FirelibError:
        return "refused"
    return repr(column.tolist() if isinstance(column, np.ndarray) else column.to_pylist())
