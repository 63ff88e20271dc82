"""What a feature of each kind is reduced to."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from firelib.data.versions import feature_values
from firelib.data.versions.feature_values import to_values
from firelib.recipe import Feature

NAN = float("nan")
LISTS = pa.list_(pa.float32())


@pytest.mark.parametrize(
    ("feature", "kind", "values", "expected"),
    [
        (Feature("i", "int64", nullable=True, missing=-1), pa.int64(), [1, -1, None], [1, None, None]),
        (Feature("i", "int64"), pa.int64(), [2**60 + 1, 2**53], [2.0**60, 2.0**53]),
        (Feature("i", "int64", nullable=True, missing=2**60), pa.int64(), [2**60 + 1, 2**60], [2.0**60, None]),
        (Feature("f", "float32", nullable=True), pa.float32(), [0.5, NAN, None], [0.5, None, None]),
        (Feature("h", "float16"), pa.float16(), [0.5], [0.5]),
        (Feature("b", "bool"), pa.bool_(), [True, False], [1, 0]),
        (Feature("a", "uint8", shape=(2,)), pa.list_(pa.uint8()), [[0, 2], [2, 4]], [1, 3]),
        (Feature("a", "float32", shape=(2,), nullable=True), LISTS, [[1, NAN], [NAN, None], None], [1, None, None]),
        (Feature("a", "int64", (2,), nullable=True, missing=-1), pa.list_(pa.int64()), [[5, -1]], [5]),
        (Feature("r", "float32", ragged=True), LISTS, [[1.0, 2.0], []], [1.5, None]),
        (Feature("s", "string", ragged=True), pa.list_(pa.string()), [["a", "b"], []], [2, 0]),
        (Feature("w", "string", max_length=1, nullable=True), pa.string(), ["a", "", None], ["a", None, None]),
        (Feature("w", "string", max_length=1), pa.string(), ["a", ""], ["a", ""]),
        (Feature("t", "string"), pa.large_string(), ["é" * 10**5, "b"], ["é" * 100, "b"]),
        (Feature("p", "bytes"), pa.binary(), [b"ab", b""], [2, 0]),
        (Feature("p", "bytes", nullable=True), pa.binary(), [b"ab", b"", None], [2, None, None]),
    ],
    ids=lambda value: f"{value.dtype}{value.shape or ''}" if isinstance(value, Feature) else None,
)
def test_each_kind_of_feature_has_a_value(
    feature: Feature, kind: pa.DataType, values: list[Any], expected: list[Any]
) -> None:
    column = pa.chunked_array([pa.array(values[:1], kind), pa.array(values[1:], kind)])
    assert to_values(column, feature).to_pylist() == expected
    assert to_values(column[:0], feature).to_pylist() == []


def test_large_arrays_are_converted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 12), dtype=np.uint8)
    column = pa.chunked_array([pa.array(list(images), pa.list_(pa.uint8()))])
    monkeypatch.setattr(feature_values, "_MOST_ELEMENTS", 100)
    assert to_values(column, Feature("x", "uint8", shape=(12,))).to_numpy() == pytest.approx(images.mean(axis=1))
