"""The parser against records of TensorFlow and of the encoder, and against damage."""

import random
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.columns import to_columns
from firelib.tfrecord.parse import parse
from tests.tfrecord.samples import datasets
from tests.tfrecord.test_canonical import as_table, example, rows_of


def _parsed(serialised: list[bytes], declared: list[Feature]) -> dict[str, Any]:
    ends = np.cumsum([len(record) for record in serialised])
    buffer = np.frombuffer(b"".join(serialised) + b"\0", np.uint8)
    return parse(buffer, np.concatenate([[0], ends[:-1]]), ends, declared)


def _comparable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype, value.shape, value.tobytes())
    return repr([v.encode() if isinstance(v, str) else _words(v) for v in value.to_pylist()])


def _words(value: Any) -> Any:
    return [v.encode() if isinstance(v, str) else v for v in value] if isinstance(value, list) else value


@given(rows_of())
def test_what_tensorflow_writes_is_read(dataset: tuple) -> None:
    declared, rows = dataset
    found = _parsed([example(row, declared) for row in rows], declared)
    expected = to_columns(as_table(rows, declared), declared)
    for feature in declared:
        assert _comparable(found[feature.name]) == _comparable(expected[feature.name]), feature


@given(datasets(min_rows=1))
def test_records_of_the_fixed_layout_are_read(dataset: tuple) -> None:
    from firelib.tfrecord.encode import encode
    from firelib.tfrecord.layout import fixed_layout

    declared, columns = dataset
    found = _parsed([row.tobytes() for row in encode(columns, fixed_layout(declared))], declared)
    for feature in declared:
        assert _comparable(found[feature.name]) == _comparable(columns[feature.name]), feature


def test_unpacked_lists_and_unknown_fields_are_read() -> None:
    number = b"\x1a\x04\x08\x05\x08\x07"  # int64_list { value: 5 value: 7 }, one field each
    unknown = b"\x48\x01"  # field 9, varint
    entry = b"\x0a\x01x\x12" + bytes([len(number + unknown)]) + unknown + number
    features = b"\x0a" + bytes([len(entry)]) + entry
    record = b"\x0a" + bytes([len(features)]) + features
    assert _parsed([record], [Feature("x", "int64", shape=(2,))])["x"].tolist() == [[5, 7]]


@given(rows_of(), st.integers(0, 2**32), st.integers(1, 8))
def test_damaged_records_are_refused_or_read_but_nothing_worse(dataset: tuple, seed: int, flips: int) -> None:
    declared, rows = dataset
    record = bytearray(example(rows[0], declared))
    chance = random.Random(seed)
    for _ in range(flips):
        record[chance.randrange(len(record))] = chance.randrange(256)
    with suppress(FirelibError):
        _parsed([bytes(record[: chance.randrange(len(record) + 1)])], declared)


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Feature("x", "float32"), "int64_list"),
        (Feature("x", "int64", shape=(3,)), "holds 1 values of it, not 3"),
        (Feature("y", "int64"), "lacks it"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(feature: Feature, message: str) -> None:
    record = example({"x": 5}, [Feature("x", "int64")])
    with pytest.raises(FirelibError, match=message):
        _parsed([record], [feature])
