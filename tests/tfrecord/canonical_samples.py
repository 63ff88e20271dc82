"""Rows in the canonical layout: random ones, and TensorFlow's serialisation of them."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from firelib.recipe import INTEGERS, Feature
from firelib.tfrecord.format.fixed_layout import integer_bounds, list_kind, numpy_dtype
from tests.tfrecord import samples


@st.composite
def canonical_rows(draw: st.DrawFn) -> tuple[list[Feature], list[dict[str, Any]]]:
    """Features of every kind, and rows as Python values; None is a missing value."""
    names = draw(st.lists(samples.NAMES, min_size=1, max_size=5, unique=True))
    declared = [draw(variable_features(name) | samples.features(name)) for name in names]
    rows = draw(st.integers(1, 5))
    return declared, [{f.name: draw(feature_values(f)) for f in declared} for _ in range(rows)]


@st.composite
def variable_features(draw: st.DrawFn, name: str) -> Feature:
    dtype = draw(st.sampled_from(["float32", "float64", "uint64", "bool", "string", "bytes", *sorted(INTEGERS)]))
    ragged = draw(st.booleans())
    optional = draw(st.booleans()) or not (ragged or dtype in ("string", "bytes"))
    return Feature(name, dtype, ragged=ragged, optional=optional)


def feature_values(feature: Feature) -> st.SearchStrategy[Any]:
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
    # Values that the dtype represents exactly, so that rounding does not matter.
    return st.floats(width=width).map(lambda value: float(np.array(value).astype(numpy_dtype(feature))))


def serialize_example(row: dict[str, Any], declared: list[Feature]) -> bytes:
    """The bytes that TensorFlow writes for a row."""
    import tensorflow as tf

    features = {f.name: _feature(row[f.name], f) for f in declared if row[f.name] is not None}
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return message.SerializeToString(deterministic=True) or b"\x0a\x00"


def _feature(value: Any, feature: Feature) -> Any:
    import tensorflow as tf

    values = value if isinstance(value, list) else [value]
    kind = list_kind(feature)
    if kind == "float":
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    if kind == "int64":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(v) for v in values]))
    if feature.dtype in ("string", "bytes"):
        values = [v.encode() if isinstance(v, str) else v for v in values]
    else:
        values = [np.array(values, numpy_dtype(feature)).tobytes()]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def build_table(rows: list[dict[str, Any]], declared: list[Feature]) -> pa.Table:
    return pa.table({f.name: pa.array([row[f.name] for row in rows], _type(f)) for f in declared})


def _type(feature: Feature) -> pa.DataType:
    scalars = {"string": pa.string(), "bytes": pa.binary(), "bool": pa.bool_(), "bfloat16": pa.float32()}
    scalar = scalars.get(feature.dtype) or pa.from_numpy_dtype(np.dtype(feature.dtype))
    return pa.list_(scalar) if feature.shape or feature.ragged else scalar
