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
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.example_parser import parse
from tests.errors import refused
from tests.tfrecord.samples import datasets
from tests.tfrecord.test_canonical import as_table, example, rows_of


def _parsed(serialised: list[bytes], declared: list[Feature]) -> dict[str, Any]:
    ends = np.cumsum([len(record) for record in serialised])
    buffer = np.frombuffer(b"".join(serialised) + b"\0", np.uint8)
    return parse(buffer, np.concatenate([[0], ends[:-1]]), ends, declared)


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


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
    from firelib.tfrecord.format.fixed_encoder import encode
    from firelib.tfrecord.format.fixed_layout import fixed_layout

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


def _field(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def _record(kind: int, content: bytes) -> bytes:
    """An Example with one feature, x, whose list's content is given."""
    entry = _field(1, b"x") + _field(2, _field(kind, content))
    return _field(1, _field(1, entry))


_LISTS = {1: Feature("x", "bytes", ragged=True), 2: Feature("x", "float32", ragged=True)}
_LISTS[3] = Feature("x", "int64", ragged=True)


def _tensorflow(record: bytes, kind: int) -> list[Any] | None:
    """What TensorFlow's Example makes of a record; None if it refuses it.

    (`parse_example` is no oracle here: it reads the first packed field of a list only.)
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        feature = tf.train.Example.FromString(record).features.feature["x"]
    except DecodeError:
        return None
    lists = {1: feature.bytes_list, 2: feature.float_list, 3: feature.int64_list}
    return list(lists[kind].value)


VARINTS = st.integers(0, 2**64 - 1).map(_varint_bytes)


@given(
    st.integers(1, 3),
    st.lists(
        st.binary(max_size=12)
        | st.lists(VARINTS, max_size=3).map(b"".join).map(lambda packed: _field(1, packed))
        | st.tuples(st.sampled_from([0x08, 0x0A, 0x0D, 0x09, 0x12]), st.binary(max_size=12)).map(
            lambda field: bytes([field[0]]) + field[1]
        ),
        max_size=3,
    ).map(b"".join),
)
def test_a_list_is_what_tensorflow_makes_of_it_or_is_refused(kind: int, content: bytes) -> None:
    record = _record(kind, content)
    expected = _tensorflow(record, kind)
    try:
        found = _parsed([record, _record(kind, b"")], [_LISTS[kind]])["x"]
    except FirelibError:
        return  # stricter than TensorFlow is well
    assert expected is None or repr(found[0].as_py()) == repr(expected)


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        (1, "bytes_list", b"\x08\x05"),  # a varint where bytes should be
        (2, "float_list", b"\x09" + bytes(8)),  # a double
        (2, "float_list", _field(1, bytes(7))),  # one float and three quarters
        (3, "int64_list", b"\x0d" + bytes(4)),
        (3, "int64_list", _field(1, b"\x80")),  # a varint without an end
        (3, "int64_list", _field(1, b"\x80" * 10 + b"\x01")),  # one that is too long
    ],
)
def test_broken_lists_are_refused(kind: int, name: str, content: bytes) -> None:
    with refused(what=name, where="x"):
        _parsed([_record(kind, content)], [_LISTS[kind]])


def test_numbers_that_the_declared_dtype_cannot_hold_are_refused() -> None:
    with refused(what=[300, "uint8"], where="x"):
        _parsed([example({"x": 300}, [Feature("x", "int64")])], [Feature("x", "uint8")])


def test_bytes_that_are_no_whole_numbers_are_refused() -> None:
    with refused(what="8 bytes", where="x"):
        _parsed([_record(1, _field(1, bytes(9)))], [Feature("x", "float64", ragged=True)])


@pytest.mark.parametrize(
    ("feature", "named"),
    [
        (Feature("x", "float32"), {"what": ["int64_list", "float_list"], "where": "x"}),
        (Feature("x", "int64", shape=(3,)), {"what": ["1 values", 3], "where": "x"}),
        (Feature("y", "int64"), {"where": "y", "remedy": "optional"}),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused(feature: Feature, named: dict[str, Any]) -> None:
    record = example({"x": 5}, [Feature("x", "int64")])
    with refused(**named):
        _parsed([record], [feature])
