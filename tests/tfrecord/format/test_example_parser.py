"""The parser on records of TensorFlow and of the encoder, and on damaged records."""

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
from firelib.tfrecord.format.example_parser import parse_examples
from firelib.tfrecord.format.fixed_layout import build_fixed_layout
from tests.errors import refused
from tests.tfrecord import reference
from tests.tfrecord.canonical_samples import build_table, canonical_rows, serialize_example
from tests.tfrecord.samples import datasets


def _parsed(serialised: list[bytes], declared: list[Feature]) -> dict[str, Any]:
    ends = np.cumsum([len(record) for record in serialised])
    buffer = np.frombuffer(b"".join(serialised) + b"\0", np.uint8)
    return parse_examples(buffer, np.concatenate([[0], ends[:-1]]), ends, declared)


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _comparable(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype, value.shape, value.tobytes())
    return repr([v.encode() if isinstance(v, str) else _encode_strings(v) for v in value.to_pylist()])


def _encode_strings(value: Any) -> Any:
    return [v.encode() if isinstance(v, str) else v for v in value] if isinstance(value, list) else value


@given(canonical_rows())
def test_records_of_tensorflow_are_read(dataset: tuple) -> None:
    declared, rows = dataset
    found = _parsed([serialize_example(row, declared) for row in rows], declared)
    expected = to_columns(build_table(rows, declared), declared)
    for feature in declared:
        assert _comparable(found[feature.name]) == _comparable(expected[feature.name]), feature


@given(datasets(min_rows=1))
def test_records_of_the_fixed_layout_are_read(dataset: tuple) -> None:
    declared, columns = dataset
    found = _parsed([row.tobytes() for row in reference.encode(columns, build_fixed_layout(declared))], declared)
    for feature in declared:
        assert _comparable(found[feature.name]) == _comparable(columns[feature.name]), feature


def test_unpacked_lists_and_unknown_fields_are_read() -> None:
    number = b"\x1a\x04\x08\x05\x08\x07"  # int64_list { value: 5 value: 7 }, one field each
    unknown = b"\x48\x01"  # field 9, varint
    entry = b"\x0a\x01x\x12" + bytes([len(number + unknown)]) + unknown + number
    features = b"\x0a" + bytes([len(entry)]) + entry
    record = b"\x0a" + bytes([len(features)]) + features
    assert _parsed([record], [Feature("x", "int64", shape=(2,))])["x"].tolist() == [[5, 7]]


@given(canonical_rows(), st.integers(0, 2**32), st.integers(1, 8))
def test_damaged_records_are_refused_or_read_without_a_crash(dataset: tuple, seed: int, flips: int) -> None:
    declared, rows = dataset
    record = bytearray(serialize_example(rows[0], declared))
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
    """The list that TensorFlow's Example parses from a record; None if it refuses the record.

    `parse_example` cannot serve as an oracle: it reads only the first packed field of a list.
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
def test_a_list_is_parsed_as_tensorflow_does_or_is_refused(kind: int, content: bytes) -> None:
    record = _record(kind, content)
    expected = _tensorflow(record, kind)
    try:
        found = _parsed([record, _record(kind, b"")], [_LISTS[kind]])["x"]
    except FirelibError:
        return  # being stricter than TensorFlow is allowed
    assert expected is None or repr(found[0].as_py()) == repr(expected)


@pytest.mark.parametrize(
    ("kind", "name", "content"),
    [
        (1, "bytes_list", b"\x08\x05"),  # a varint instead of bytes
        (2, "float_list", b"\x09" + bytes(8)),  # a double
        (2, "float_list", _field(1, bytes(7))),  # one and three quarters of a float
        (3, "int64_list", b"\x0d" + bytes(4)),
        (3, "int64_list", _field(1, b"\x80")),  # a varint without an end
        (3, "int64_list", _field(1, b"\x80" * 10 + b"\x01")),  # one that is too long
    ],
)
def test_malformed_lists_are_refused(kind: int, name: str, content: bytes) -> None:
    with refused(what=name, where="x"):
        _parsed([_record(kind, content)], [_LISTS[kind]])


def test_numbers_that_the_declared_dtype_cannot_hold_are_refused() -> None:
    with refused(what=[300, "uint8"], where="x"):
        _parsed([serialize_example({"x": 300}, [Feature("x", "int64")])], [Feature("x", "uint8")])


def test_bytes_that_are_not_a_multiple_of_the_item_size_are_refused() -> None:
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
def test_a_declaration_that_does_not_match_the_records_is_refused(feature: Feature, named: dict[str, Any]) -> None:
    record = serialize_example({"x": 5}, [Feature("x", "int64")])
    with refused(**named):
        _parsed([record], [feature])
