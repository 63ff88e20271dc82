"""Both parsers of a body give the same rows; the quick one leaves what it might change to the other."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.serve.request_body import InvalidRequestError, parse_body, parse_quickly
from tests.examples import examples

NAMES = st.sampled_from(["x", "y", "a:b", "ü", '"'])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.one_of(
    SCALARS, st.text(max_size=3), st.sampled_from([":", "x:y"]), st.lists(SCALARS, max_size=2), st.just({"x": {"y": 1}})
)
PAIRS = st.lists(st.tuples(NAMES, VALUES), max_size=4)


def write(pairs: list[tuple[str, str]]) -> str:
    """An object of JSON, whose names may be repeated."""
    return "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in pairs) + "}"


def objects(pairs: list[tuple[str, object]]) -> str:
    return write([(name, json.dumps(value)) for name, value in pairs])


BODIES = st.one_of(
    PAIRS.map(objects),
    st.lists(PAIRS, max_size=3).map(lambda rows: f"[{', '.join(map(objects, rows))}]"),
    st.lists(PAIRS, max_size=3).map(lambda rows: write([("rows", f"[{', '.join(map(objects, rows))}]")])),
    st.lists(st.tuples(NAMES, st.lists(SCALARS, max_size=2)), max_size=4).map(
        lambda columns: write([("columns", objects(columns))])
    ),
)


@examples(200)
@given(body=BODIES)
def test_quick_rows_are_those_of_the_other_parser(body):
    quick = parse_quickly(body.encode(), 100)
    try:
        expected = parse_body(body.encode(), 100)
    except InvalidRequestError:
        assert quick is None
    else:
        assert quick is None or quick == expected


@pytest.mark.parametrize(
    "body",
    [b'{"x": 1, "y": "a"}', b'[{"x": 1}, {"x": 2}]', b'{"rows": [{"x": 1}]}', b'{"columns": {"x": [1], "y": [2]}}'],
)
def test_usual_bodies_are_parsed_quickly(body):
    assert parse_quickly(body, 100) == parse_body(body, 100)


@pytest.mark.parametrize(
    "body",
    [
        *(b'{"x": 1, "x": 2}', b'{"x": 1, "\\u0078": 2}', b'{"columns": {"x": [1], "x": [2]}}'),
        *(b'{"rows": [{"x": 1, "x": 2}]}', b'{"rows": [], "rows": [{"x": 1}]}', b'{"x": {"y": {"z": 1, "z": 2}}}'),
        *(b'{"x": NaN}', b'{"x": 1e400}', b'{"x": "\\ud800"}', b'\xef\xbb\xbf{"x": 1}', b'{"x": 1', b"1", b"[]"),
    ],
)
def test_doubtful_bodies_are_left_to_the_other_parser(body):
    assert parse_quickly(body, 100) is None
