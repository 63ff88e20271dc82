"""The size of records does not depend on how their rows are divided."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.recipe import Feature
from firelib.tfrecord.write.record_size import count_record_bytes

FEATURES = (
    Feature("text", "string", nullable=True),
    Feature("blob", "bytes", nullable=True),
    Feature("number", "float32", nullable=True),
    Feature("tags", "string", ragged=True),
    Feature("pair", "int64", shape=(2,)),
    Feature("é", "bool"),
)
rows = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
        "blob": st.none() | st.binary(max_size=5),
        "number": st.none() | st.floats(0, 1, width=32),
        "tags": st.lists(st.text(st.characters(codec="utf-8"), max_size=3), max_size=3),
        "pair": st.tuples(st.integers(0, 9), st.integers(0, 9)).map(list),
        "é": st.booleans(),
    }
)


def table(some: list[dict[str, Any]]) -> pa.Table:
    """As pandas would make it: a column that has nulls alone has no other type."""
    return pa.table({name: pa.array([row[name] for row in some]) for name in [each.name for each in FEATURES]})


@given(st.lists(rows, min_size=1, max_size=8), st.integers(0, 8))
def test_parts_have_the_size_of_the_whole(some: list[dict[str, Any]], at: int) -> None:
    parts = [part for part in (some[:at], some[at:]) if part]
    assert sum(count_record_bytes(table(part), FEATURES) for part in parts) == count_record_bytes(table(some), FEATURES)


@pytest.mark.parametrize(
    ("feature", "values", "expected"),
    [
        (FEATURES[0], ["é", None, "ab"], 4),
        (FEATURES[1], [b"abc", None], 3),
        (FEATURES[2], [0.5, None], 4),
        (FEATURES[3], [["a", "bc"], []], 3),
        (FEATURES[4], [[1, 2]], 16),
    ],
    ids=lambda value: value.name if isinstance(value, Feature) else None,
)
def test_names_and_values_count(feature: Feature, values: list[Any], expected: int) -> None:
    size = count_record_bytes(pa.table({feature.name: values}), [feature])
    assert size == expected + len(values) * len(feature.name)
