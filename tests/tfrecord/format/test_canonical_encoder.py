"""The canonical layout against protobuf's own deterministic serialisation."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.recipe import INTEGERS, Feature
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.canonical_encoder import CanonicalEncoder
from firelib.tfrecord.format.fixed_layout import integer_bounds, kind_of, numpy_dtype
from tests.errors import refused
from tests.tfrecord import samples


@st.composite
def rows_of(draw: st.DrawFn) -> tuple[list[Feature], list[dict[str, Any]]]:
    """Features of every kind, and rows as Python values; None is a missing one."""
    names = draw(st.lists(samples.NAMES, min_size=1, max_size=5, unique=True))
    declared = [draw(variable(name) | samples.features(name)) for name in names]
    rows = draw(st.integers(1, 5))
    return declared, [{f.name: draw(value_of(f)) for f in declared} for _ in range(rows)]


@st.composite
def variable(draw: st.DrawFn, name: str) -> Feature:
    dtype = draw(st.sampled_from(["float32", "float64", "uint64", "bool", "string", "bytes", *sorted(INTEGERS)]))
    ragged = draw(st.booleans())
    optional = draw(st.booleans()) or not (ragged or dtype in ("string", "bytes"))
    return Feature(name, dtype, ragged=ragged, optional=optional)


def value_of(feature: Feature) -> st.SearchStrategy[Any]:
    item = _item(feature)
    if feature.shape:
        size = int(np.prod(feature.shape))
        item = st.lists(item, min_size=size, max_size=size)
    if feature.ragged:
        item = st.lists(item, max_size=4)
    return st.none() | item if feature.optional else item


def _item(feature: Feature) -> st.SearchStrategy[Any]:
    if feature.dtype == "string":
        words = st.text(max_size=feature.max_length or 200)
        return words.filter(lambda word: len(word.encode()) <= (feature.max_length or 800) and word[-1:] != "\0")
    if feature.dtype == "bytes":
        return st.binary(max_size=200)
    if feature.dtype == "bool":
        return st.booleans()
    if feature.dtype in INTEGERS:
        low, high = integer_bounds(feature)
        return st.sampled_from([low, high, min(max(low, 0), high)]) | st.integers(low, high)
    width = {"float16": 16, "bfloat16": 32, "float32": 32, "float64": 64}[feature.dtype]
    # Values that the dtype holds exactly, so that the way they are rounded does not matter.
    return st.floats(width=width).map(lambda value: float(np.array(value).astype(numpy_dtype(feature))))


def example(row: dict[str, Any], declared: list[Feature]) -> bytes:
    """What TensorFlow writes for a row."""
    import tensorflow as tf

    features = {f.name: _feature(row[f.name], f) for f in declared if row[f.name] is not None}
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return message.SerializeToString(deterministic=True) or b"\x0a\x00"


def _feature(value: Any, feature: Feature) -> Any:
    import tensorflow as tf

    values = value if isinstance(value, list) else [value]
    kind = kind_of(feature)
    if kind == "float":
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    if kind == "int64":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(v) for v in values]))
    if feature.dtype in ("string", "bytes"):
        values = [v.encode() if isinstance(v, str) else v for v in values]
    else:
        values = [np.array(values, numpy_dtype(feature)).tobytes()]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def as_table(rows: list[dict[str, Any]], declared: list[Feature]) -> pa.Table:
    return pa.table({f.name: pa.array([row[f.name] for row in rows], _type(f)) for f in declared})


def _type(feature: Feature) -> pa.DataType:
    scalars = {"string": pa.string(), "bytes": pa.binary(), "bool": pa.bool_(), "bfloat16": pa.float32()}
    scalar = scalars.get(feature.dtype) or pa.from_numpy_dtype(np.dtype(feature.dtype))
    return pa.list_(scalar) if feature.shape or feature.ragged else scalar


def frames(declared: list[Feature], table: pa.Table, block_bytes: int = 1 << 16) -> tuple[bytes, np.ndarray]:
    encoder = CanonicalEncoder(declared, block_bytes)
    content, offsets = b"", [0]
    for block, ends in encoder.blocks(to_columns(table, declared)):
        offsets += (len(content) + ends).tolist()
        content += block.tobytes()
    return content, np.array(offsets)


def records(content: bytes, offsets: np.ndarray) -> list[bytes]:
    return [content[a + 12 : b - 4] for a, b in pairwise(offsets)]


@given(rows_of())
def test_bytes_are_those_of_deterministic_serialisation(dataset: tuple) -> None:
    declared, rows = dataset
    found = records(*frames(declared, as_table(rows, declared)))
    assert found == [example(row, declared) for row in rows]


def test_of_two_names_that_begin_alike_the_longer_comes_first_as_in_protobuf() -> None:
    declared = [Feature(name, "string") for name in ("a", "ab", "abc", "b", "é")]
    row = {feature.name: "x" for feature in declared}
    assert records(*frames(declared, as_table([row], declared))) == [example(row, declared)]


TEXTS = [Feature("text", "string"), Feature("ids", "int64", ragged=True), Feature("x", "float32", optional=True)]


@pytest.fixture(scope="module")
def texts() -> tuple[pa.Table, list[bytes]]:
    """Rows of every length, and what TensorFlow writes for them."""
    rows = [{"text": "é" * (i % 300), "ids": list(range(-i % 7)), "x": None if i % 3 else i / 7} for i in range(5000)]
    return as_table(rows, TEXTS), [example(row, TEXTS) for row in rows]


@pytest.mark.parametrize("block_bytes", [1, 1000, 1 << 20])
def test_tensorflow_reads_what_blocks_of_any_size_give(
    tmp_path: Path, texts: tuple[pa.Table, list[bytes]], block_bytes: int
) -> None:
    import tensorflow as tf

    rows, expected = texts
    content, offsets = frames(TEXTS, rows, block_bytes)
    (tmp_path / "x").write_bytes(content)
    assert offsets[-1] == len(content)
    assert [record.numpy() for record in tf.data.TFRecordDataset(str(tmp_path / "x"))] == expected


@pytest.mark.parametrize("name", ["t", "n" * 22, "n" * 60, "n" * 115, "n" * 130])
def test_lengths_where_heads_and_copies_change_their_form(name: str) -> None:
    declared = [Feature(name, "bytes"), Feature(f"{name}_", "float32", shape=(30,)), Feature(f"{name}é", "int64")]
    sizes = [0, 1, 3, 62, 63, 64, 65, 110, 119, 120, 127, 128, 1023, 1024, 1025, 20_000, 5, 0]
    rows = [{name: b"v" * n, f"{name}_": [float(n)] * 30, f"{name}é": 1 << n % 63} for n in sizes]
    expected = [example(row, declared) for row in rows]
    for first in range(len(rows)):  # so that each is the first of a block once, and the values end behind any
        assert records(*frames(declared, as_table(rows[first:], declared), 1 << 12)) == expected[first:]


def test_a_slice_of_arrow_arrays_starts_at_its_offset() -> None:
    declared = [Feature("t", "string"), Feature("r", "bytes", ragged=True), Feature("n", "int8", optional=True)]
    rows = [{"t": f"t{i}", "r": [b"x" * i, b"y"], "n": i if i % 2 else None} for i in range(9)]
    found = records(*frames(declared, as_table(rows, declared).slice(3, 4)))
    assert found == [example(row, declared) for row in rows[3:7]]


def test_no_rows_give_no_bytes() -> None:
    assert frames([Feature("t", "string")], pa.table({"t": pa.array([], pa.string())}))[0] == b""


@pytest.mark.parametrize(
    ("values", "feature", "named"),
    [
        (pa.array(["a", None]), Feature("x", "string"), [1, "missing", "x"]),
        (pa.array([[1, None]]), Feature("x", "int8", ragged=True), [1, "missing", "lists"]),
        (pa.array([[1, 9]]), Feature("x", "int8", ragged=True, range=(0, 4)), [9, "(0, 4)"]),
        (pa.array(["abc"]), Feature("x", "string", max_length=2, optional=True), ["3 bytes", 2]),
    ],
)
def test_a_wrong_value_is_refused(values: pa.Array, feature: Feature, named: list[str | int]) -> None:
    with refused(what=named, where="x"):
        to_columns(pa.table({"x": values}), [feature])
