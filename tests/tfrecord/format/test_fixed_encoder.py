"""Fixed-layout records, with TensorFlow and a plain encoder as oracles."""

import numpy as np
from hypothesis import given, settings

from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_encoder import FixedEncoder
from firelib.tfrecord.format.fixed_layout import build_fixed_layout
from tests.errors import refused
from tests.tfrecord import reference
from tests.tfrecord.reference import decode, encode
from tests.tfrecord.samples import assert_equal, datasets, parsed


@given(datasets())
def test_decode_is_the_inverse_of_encode(dataset: tuple) -> None:
    declared, columns = dataset
    layout = build_fixed_layout(declared)
    assert_equal(decode(encode(columns, layout), layout), columns)


@settings(deadline=None)
@given(datasets(min_rows=1))
def test_tensorflow_parses_the_same_values(dataset: tuple) -> None:
    declared, columns = dataset
    records = [row.tobytes() for row in encode(columns, build_fixed_layout(declared))]
    assert_equal(parsed(records, declared), columns)


@settings(deadline=None)
@given(datasets(min_rows=1))
def test_protobuf_reads_every_record_and_its_keys_are_sorted(dataset: tuple) -> None:
    import tensorflow as tf

    declared, columns = dataset
    for row in encode(columns, build_fixed_layout(declared)):
        example = tf.train.Example.FromString(row.tobytes())
        assert set(example.features.feature) == {feature.name for feature in declared}


def test_integers_at_the_limits_of_each_varint_width() -> None:
    edges = {sign * (1 << 7 * n) + step for n in range(10) for sign in (1, -1) for step in (-1, 0, 1)}
    values = np.array(sorted(v for v in edges if -(2**63) <= v < 2**63), np.int64)
    feature = Feature("x", "int64")
    records = encode({"x": values}, build_fixed_layout([feature]))
    assert_equal(parsed([row.tobytes() for row in records], [feature]), {"x": values})


def test_nan_payloads_are_preserved() -> None:
    values = np.array([0x7FC00001, 0xFFC00000, 0x7F800000, 0x80000000, 1], "<u4").view("<f4")
    layout = build_fixed_layout([Feature("x", "float32")])
    assert decode(encode({"x": values}, layout), layout)["x"].tobytes() == values.tobytes()


def test_columns_of_different_length_are_refused() -> None:
    layout = build_fixed_layout([Feature("a", "int8"), Feature("b", "int8")])
    with refused(what=["length", "[2, 3]"]):
        encode({"a": np.zeros(2, np.int8), "b": np.zeros(3, np.int8)}, layout)


def test_a_missing_column_is_named() -> None:
    with refused(what=["column", "a"]):
        encode({}, build_fixed_layout([Feature("a", "int8")]))


def test_an_integer_outside_its_varint_width_is_refused() -> None:
    layout = build_fixed_layout([Feature("x", "int64", range=(0, 100))])
    for value in (128, -1):
        with refused(what=[value, "1 bytes"], where="x", remedy="range"):
            encode({"x": np.array([5, value])}, layout)


def test_a_column_of_another_shape_is_refused() -> None:
    with refused(what=["x", "shape", "(3,)", "(2,)"]):
        encode({"x": np.zeros((2, 3), np.float32)}, build_fixed_layout([Feature("x", "float32", shape=(2,))]))


@given(datasets())
def test_the_kernel_writes_the_bytes_of_the_reference_encoder(dataset: tuple) -> None:
    declared, columns = dataset
    layout = build_fixed_layout(declared)
    blocks = FixedEncoder(layout, 1 << 20).blocks(columns)
    assert b"".join(block.tobytes() for block, _ in blocks) == reference.frames(columns, layout)


def test_blocks_and_tiles_do_not_change_the_bytes() -> None:
    rows, features = 5000, [Feature("a", "int32"), Feature("b", "float32", shape=(3,)), Feature("c", "uint8")]
    layout = build_fixed_layout(features)
    random = np.random.default_rng(1)
    columns = {
        "a": random.integers(-(2**31), 2**31, rows, dtype=np.int32),
        "b": random.normal(size=(rows, 3)).astype("<f4"),
        "c": random.integers(0, 256, rows, dtype=np.uint8)[::-1],
    }
    blocks = FixedEncoder(layout, 10_000).blocks(columns)
    assert b"".join(block.tobytes() for block, _ in blocks) == reference.frames(columns, layout)
