"""The decoder of the canonical layout, with the parser of any writer's records as the oracle."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.recipe import Feature
from firelib.tfrecord.format.canonical.decoder import CanonicalDecoder
from firelib.tfrecord.format.example_parser import parse_examples
from tests.tfrecord.canonical_samples import canonical_rows, serialize_example

_FOOTER = b"\xff" * 4


def _decoded(records: list[bytes], declared: list[Feature], index: list[int] | None = None) -> dict[str, Any] | None:
    """Decode all records as one batch, or those of `index`."""
    buffer, begins, ends = _joined(records)
    rows = np.arange(len(records)) if index is None else np.array(index)
    return CanonicalDecoder(declared).decode(buffer, begins, ends, rows[None], {})


def _joined(records: list[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    ends = np.cumsum([len(record) + len(_FOOTER) for record in records])
    begins = np.concatenate([[0], ends[:-1]])
    return np.frombuffer(b"".join(record + _FOOTER for record in records), np.uint8), begins, ends - len(_FOOTER)


def _comparable(column: Any) -> Any:
    return column.to_pylist() if isinstance(column, pa.Array) else (column.dtype, column.shape, column.tobytes())


@given(canonical_rows(), st.randoms(use_true_random=False))
def test_records_are_decoded_as_the_parser_of_any_records_does(dataset: tuple, random: Any) -> None:
    declared, rows = dataset
    declared = [feature for feature in declared if CanonicalDecoder.can_decode([feature])]
    if not declared:
        return
    records = [serialize_example({f.name: row[f.name] for f in declared}, declared) for row in rows]
    index = [random.randrange(len(records)) for _ in range(7)]
    found = _decoded(records, declared, index)
    buffer, begins, ends = _joined(records)
    expected = parse_examples(buffer, begins[index], ends[index], declared)
    assert found is not None
    assert {name: _comparable(column) for name, column in found.items()} == {
        name: _comparable(column) for name, column in expected.items()
    }


_DECLARED = [Feature("n", "int8"), Feature("t", "string"), Feature("x", "float32", shape=(2,)), Feature("s", "bytes")]
_ROW = {"n": 5, "t": "word", "x": [1.0, 2.0], "s": b"\0\1"}


@pytest.mark.parametrize("length", [0, 1, 100, 127, 128, 129, 300, 20_000])
def test_lengths_of_one_and_of_more_bytes(length: int) -> None:
    record = serialize_example({**_ROW, "s": b"v" * length}, _DECLARED)
    found = _decoded([record], _DECLARED)
    assert found is not None
    assert found["s"].to_pylist() == [b"v" * length]
    assert found["t"].to_pylist() == [b"word"]
    assert (found["n"].tolist(), found["x"].tolist()) == ([5], [[1.0, 2.0]])


def test_columns_are_filled_in_batches() -> None:
    records = [serialize_example({**_ROW, "n": n, "t": f"t{n}"}, _DECLARED) for n in range(6)]
    buffer, begins, ends = _joined(records)
    packed = np.zeros((2, 2, 3), np.int8)  # [batches, columns, rows]
    index = np.array([[5, 0, 1], [2, 2, 4]])
    found = CanonicalDecoder(_DECLARED).decode(buffer, begins, ends, index, {"n": packed[:, 1]})
    assert found is not None
    assert packed.tolist() == [[[0, 0, 0], [5, 0, 1]], [[0, 0, 0], [2, 2, 4]]]
    assert found["t"].to_pylist() == [f"t{n}".encode() for n in index.ravel()]


_OTHER = {
    "another order": lambda: serialize_example(_ROW, _DECLARED)[:2] + _entries("t", "n", "s", "x"),
    "a feature that is not declared": lambda: serialize_example({**_ROW, "y": 1}, [*_DECLARED, Feature("y", "int8")]),
    "a missing feature": lambda: serialize_example({**_ROW, "t": None}, _DECLARED),
    "two values": lambda: serialize_example(
        {**_ROW, "t": ["a", "b"]}, [f for f in _DECLARED if f.name != "t"] + [Feature("t", "string", ragged=True)]
    ),
    "too large an integer": lambda: serialize_example({**_ROW, "n": 300}, [Feature("n", "int64"), *_DECLARED[1:]]),
    "another kind of list": lambda: serialize_example({**_ROW, "n": 3.0}, [Feature("n", "float32"), *_DECLARED[1:]]),
    "too many numbers": lambda: serialize_example(
        {**_ROW, "x": [1.0] * 3}, [f for f in _DECLARED if f.name != "x"] + [Feature("x", "float32", shape=(3,))]
    ),
    "no bytes": lambda: b"",
}


def _entries(*names: str) -> bytes:
    records = [serialize_example(_ROW, [feature]) for name in names for feature in _DECLARED if feature.name == name]
    return b"".join(record[2:] for record in records)


@pytest.mark.parametrize("kind", _OTHER)
def test_other_records_are_left_to_the_parser(kind: str) -> None:
    usual = serialize_example(_ROW, _DECLARED)
    assert _decoded([usual, usual], _DECLARED) is not None
    assert _decoded([usual, _OTHER[kind]()], _DECLARED) is None


@given(canonical_rows(), st.integers(0, 2**32), st.integers(1, 8))
def test_damaged_records_are_left_to_the_parser_or_read_alike(dataset: tuple, seed: int, flips: int) -> None:
    declared, rows = dataset
    declared = [feature for feature in declared if CanonicalDecoder.can_decode([feature])]
    if not declared:
        return
    record = bytearray(serialize_example({f.name: rows[0][f.name] for f in declared}, declared))
    random = np.random.default_rng(seed)
    for _ in range(flips):
        record[random.integers(len(record))] = random.integers(256)
    damaged = bytes(record[: random.integers(len(record) + 1)])
    found = _decoded([damaged], declared)
    if found is not None:
        buffer, begins, ends = _joined([damaged])
        expected = parse_examples(buffer, begins, ends, declared)
        assert {name: _comparable(column) for name, column in found.items()} == {
            name: _comparable(column) for name, column in expected.items()
        }
