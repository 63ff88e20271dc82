"""The canonical layout against protobuf's own deterministic serialisation."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from firelib.recipe import Feature
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.canonical.encoder import CanonicalEncoder
from tests.errors import refused
from tests.tfrecord.canonical_samples import build_table, canonical_rows, serialize_example


def frames(declared: list[Feature], table: pa.Table, block_bytes: int = 1 << 16) -> tuple[bytes, np.ndarray]:
    encoder = CanonicalEncoder(declared, block_bytes)
    content, offsets = b"", [0]
    for block, ends in encoder.blocks(to_columns(table, declared)):
        offsets += (len(content) + ends).tolist()
        content += block.tobytes()
    return content, np.array(offsets)


def records(content: bytes, offsets: np.ndarray) -> list[bytes]:
    return [content[a + 12 : b - 4] for a, b in pairwise(offsets)]


@given(canonical_rows())
def test_bytes_are_those_of_deterministic_serialisation(dataset: tuple) -> None:
    declared, rows = dataset
    found = records(*frames(declared, build_table(rows, declared)))
    assert found == [serialize_example(row, declared) for row in rows]


def test_a_longer_name_comes_before_its_prefix_as_in_protobuf() -> None:
    declared = [Feature(name, "string") for name in ("a", "ab", "abc", "b", "é")]
    row = {feature.name: "x" for feature in declared}
    assert records(*frames(declared, build_table([row], declared))) == [serialize_example(row, declared)]


TEXTS = [Feature("text", "string"), Feature("ids", "int64", ragged=True), Feature("x", "float32", optional=True)]


@pytest.fixture(scope="module")
def texts() -> tuple[pa.Table, list[bytes]]:
    """Rows of every length, and the bytes that TensorFlow writes for them."""
    rows = [{"text": "é" * (i % 300), "ids": list(range(-i % 7)), "x": None if i % 3 else i / 7} for i in range(5000)]
    return build_table(rows, TEXTS), [serialize_example(row, TEXTS) for row in rows]


@pytest.mark.parametrize("block_bytes", [1, 1000, 1 << 20])
def test_tensorflow_reads_blocks_of_any_size(
    tmp_path: Path, texts: tuple[pa.Table, list[bytes]], block_bytes: int
) -> None:
    import tensorflow as tf

    rows, expected = texts
    content, offsets = frames(TEXTS, rows, block_bytes)
    (tmp_path / "x").write_bytes(content)
    assert offsets[-1] == len(content)
    assert [record.numpy() for record in tf.data.TFRecordDataset(str(tmp_path / "x"))] == expected


@pytest.mark.parametrize("name", ["t", "n" * 22, "n" * 60, "n" * 115, "n" * 130])
def test_lengths_at_the_limits_of_short_heads_and_vector_copies(name: str) -> None:
    declared = [Feature(name, "bytes"), Feature(f"{name}_", "float32", shape=(30,)), Feature(f"{name}é", "int64")]
    sizes = [0, 1, 3, 62, 63, 64, 65, 110, 119, 120, 127, 128, 1023, 1024, 1025, 20_000, 5, 0]
    rows = [{name: b"v" * n, f"{name}_": [float(n)] * 30, f"{name}é": 1 << n % 63} for n in sizes]
    expected = [serialize_example(row, declared) for row in rows]
    for first in range(len(rows)):  # each row is the first of a block once
        assert records(*frames(declared, build_table(rows[first:], declared), 1 << 12)) == expected[first:]


def test_a_slice_of_arrow_arrays_is_encoded_from_its_offset() -> None:
    declared = [Feature("t", "string"), Feature("r", "bytes", ragged=True), Feature("n", "int8", optional=True)]
    rows = [{"t": f"t{i}", "r": [b"x" * i, b"y"], "n": i if i % 2 else None} for i in range(9)]
    found = records(*frames(declared, build_table(rows, declared).slice(3, 4)))
    assert found == [serialize_example(row, declared) for row in rows[3:7]]


def test_no_rows_encode_to_no_bytes() -> None:
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
def test_an_invalid_value_is_refused(values: pa.Array, feature: Feature, named: list[str | int]) -> None:
    with refused(what=named, where="x"):
        to_columns(pa.table({"x": values}), [feature])
