"""Random features, columns that fit them, and TensorFlow's parser as the oracle."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from firelib.recipe import FLOATS, INTEGERS, Feature
from firelib.tfrecord.format.fixed_layout import integer_bounds, list_kind, numpy_dtype

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
SHAPES = st.lists(st.integers(1, 4), max_size=2).map(tuple)


@st.composite
def features(draw: st.DrawFn, name: str) -> Feature:
    dtype = draw(st.sampled_from(sorted(FLOATS | INTEGERS | {"bool", "string"})))
    if dtype == "string":
        return Feature(name, dtype, max_length=draw(st.integers(1, 40)))
    bounds = None
    if dtype in INTEGERS:
        info = np.iinfo(dtype)
        limits = st.integers(int(info.min), int(info.max))
        bounds = draw(st.none() | st.tuples(limits, limits).map(lambda pair: tuple(sorted(pair))))
    return Feature(name, dtype, shape=draw(SHAPES), range=bounds)


@st.composite
def columns(draw: st.DrawFn, feature: Feature, rows: int) -> np.ndarray:
    """Values over the whole range of the feature: extremes, NaN, infinities, subnormals."""
    shape = (rows, *feature.shape)
    if feature.dtype == "string":
        word = st.text(max_size=feature.max_length).map(str.encode)
        word = word.filter(lambda value: len(value) <= feature.max_length and not value.endswith(b"\0"))
        return np.array(draw(st.lists(word, min_size=rows, max_size=rows)), dtype=numpy_dtype(feature))
    if feature.dtype in INTEGERS:
        low, high = integer_bounds(feature)
        # Extremes come up often, since they decide the width of varints.
        values = st.sampled_from([low, high]) | st.integers(low, high)
        flat = draw(st.lists(values, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        return np.array(flat, dtype=numpy_dtype(feature)).reshape(shape)
    if feature.dtype == "bfloat16":
        bits = draw(hnp.arrays(np.uint16, shape))
        bits[(bits & 0x7FFF) > 0x7F80] = 0x7FC0  # a single NaN payload, since values are converted through float32
        return bits.view(numpy_dtype(feature))
    return draw(hnp.arrays(numpy_dtype(feature), shape))


@st.composite
def datasets(draw: st.DrawFn, min_rows: int = 0) -> tuple[list[Feature], dict[str, np.ndarray]]:
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    declared = [draw(features(name)) for name in names]
    rows = draw(st.integers(min_rows, 6))
    return declared, {feature.name: draw(columns(feature, rows)) for feature in declared}


def parsed(serialized: list[bytes], declared: list[Feature]) -> dict[str, np.ndarray]:
    """Columns that TensorFlow's parser reads from records."""
    import tensorflow as tf

    spec = {feature.name: _spec(feature) for feature in declared}
    out = tf.io.parse_example(tf.constant(serialized, tf.string, shape=(len(serialized),)), spec)
    return {feature.name: _typed(out[feature.name].numpy(), feature) for feature in declared}


def assert_equal(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Compare bit for bit, NaN included."""
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name].dtype == values.dtype, name
        assert found[name].shape == values.shape, name
        assert found[name].tobytes() == np.ascontiguousarray(values).tobytes(), name


def table(columns: dict[str, np.ndarray]) -> pa.Table:
    """Columns as an Arrow table; arrays as lists, strings as UTF-8."""
    return pa.table({name: _arrow(values) for name, values in columns.items()})


def _arrow(values: np.ndarray) -> pa.Array:
    if values.dtype.kind == "S":
        return pa.array([value.decode() for value in values.tolist()], pa.string())
    if values.dtype.kind == "V":
        values = values.astype(np.float32)  # Arrow has no bfloat16
    if values.ndim > 1:
        flat = [row.ravel().tolist() for row in values]
        return pa.array(flat, pa.list_(pa.from_numpy_dtype(values.dtype)))
    return pa.array(values)


def _spec(feature: Feature) -> Any:
    import tensorflow as tf

    kind = list_kind(feature)
    dtype = {"float": tf.float32, "int64": tf.int64, "bytes": tf.string}[kind]
    return tf.io.FixedLenFeature(() if kind == "bytes" else feature.shape, dtype)


def _typed(values: np.ndarray, feature: Feature) -> np.ndarray:
    dtype = numpy_dtype(feature)
    if list_kind(feature) == "bytes":
        return np.frombuffer(b"".join(values.tolist()), dtype).reshape(len(values), *feature.shape)
    return values.astype(dtype)
