"""The fixed layout: every feature has a fixed size, so every `tf.train.Example` has the same length.

A record is a valid Example with sorted keys, as in deterministic serialisation:

- float32 is a float_list;
- integers and bool are an int64_list whose varints are padded to a constant width;
- strings (NUL-padded), other floats, uint64 and arrays of uint8 are a bytes_list of one little-endian value.

Protocol Buffers permit padded ("overlong") varints; TensorFlow and upb read them. Formats:
https://protobuf.dev/programming-guides/encoding and tensorflow/core/example/{example,feature}.proto.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError
from firelib.recipe import INTEGERS, Feature
from firelib.tfrecord.format.protobuf_wire import encode_varint, length_prefixed

Kind = Literal["float", "int64", "bytes"]

#: Feature name → array [rows, *shape].
Columns = Mapping[str, npt.NDArray[np.generic]]

#: Protocol Buffers limit a message to 2 GiB, and NumPy an array to 64 dimensions, of which batches take some.
_MOST_BYTES, _MOST_DIMENSIONS = (1 << 31) - 1, 32
#: Features of a dataset: each costs time whenever a dataset is opened and a batch is unpacked.
MOST_FEATURES = 20_000

# Tags (field number << 3 | wire type 2) of the lists in tf.train.Feature, and of the fields 1 and 2 of any message.
_LIST_TAG = {"bytes": b"\x0a", "float": b"\x12", "int64": b"\x1a"}
_FIRST, _SECOND = b"\x0a", b"\x12"

# Dtypes that no numeric list of tf.train.Feature holds exactly.
_AS_BYTES = frozenset({"string", "bytes", "float64", "float16", "bfloat16", "uint64"})


@dataclass(frozen=True)
class RecordField:
    """Location of one feature's value in a record.

    Attributes:
        feature: The declaration.
        kind: The list of tf.train.Feature that holds the value.
        offset: Offset of the value in the record, in bytes.
        item_bytes: Bytes of one element; the width of its varint for int64.
        items: Elements of a value.
    """

    feature: Feature
    kind: Kind
    offset: int
    item_bytes: int
    items: int

    @property
    def width(self) -> int:
        """Bytes of the value in the record."""
        return self.item_bytes * self.items


@dataclass(frozen=True)
class FixedLayout:
    """A record's template and the location of each value in it.

    Attributes:
        template: The record with all values zero.
        fields: One field per feature, in the order in which the features were declared.
    """

    template: bytes
    fields: tuple[RecordField, ...]

    @property
    def record_bytes(self) -> int:
        """Length of a record, without the 16 bytes of framing."""
        return len(self.template)

    @cached_property
    def field_table(self) -> npt.NDArray[np.int64]:
        """The fields for the kernels, int64 [fields, 3]: offset, bytes per item, items."""
        return np.array([(field.offset, field.item_bytes, field.items) for field in self.fields], np.int64)


def build_fixed_layout(features: Sequence[Feature]) -> FixedLayout:
    """Build the layout of a dataset with these features.

    Raises:
        FirelibError: Two features share a name, or a feature cannot be stored as declared.
    """
    validate_features(features)
    entries = {feature.name: _entry(feature) for feature in features}
    body = b"".join(entry for _, entry in sorted(entries.items(), key=lambda item: item[0].encode()))
    template = _FIRST + encode_varint(len(body)) + body
    offsets, end = {}, len(template) - len(body)
    for name, entry in sorted(entries.items(), key=lambda item: item[0].encode()):
        end += len(entry)
        offsets[name] = end  # the value ends its entry
    return FixedLayout(template, tuple(_record_field(feature, offsets[feature.name]) for feature in features))


def fixed_record_bytes(features: Sequence[Feature]) -> int:
    """Length of a record in the fixed layout, without building its template."""
    return _prefixed_bytes(sum(_entry_bytes(feature) for feature in features))


def _entry_bytes(feature: Feature) -> int:
    """Length of what `_entry` returns."""
    one_list = _prefixed_bytes(_prefixed_bytes(_item_bytes(feature) * prod(feature.shape)))
    return _prefixed_bytes(_prefixed_bytes(len(feature.name.encode())) + _prefixed_bytes(one_list))


def _prefixed_bytes(length: int) -> int:
    """Length of a field of this many bytes, with its tag and its length."""
    return 1 + varint_width(0, length) + length


def validate_features(features: Sequence[Feature]) -> None:
    """Check that a record can hold these features.

    Raises:
        FirelibError: Two features share a name, or a feature cannot be stored as declared.
    """
    if len(features) > MOST_FEATURES:
        raise FirelibError(
            f"expected at most {MOST_FEATURES} features, got {len(features)}",
            where="features",
            remedy="put values of one dtype into one feature with a shape",
        )
    names = Counter(feature.name for feature in features)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise FirelibError(
            f"features declared more than once: {', '.join(twice)}",
            where="features",
            remedy="give each feature its own name",
        )
    for feature in features:
        _validate_feature(feature)
    if has_fixed_layout(features) and fixed_record_bytes(features) > _MOST_BYTES:
        raise FirelibError(
            f"a record needs more than {_MOST_BYTES} bytes", where="features", remedy="store fewer or smaller arrays"
        )


def _validate_feature(feature: Feature) -> None:
    where = f"feature {feature.name!r}"
    try:
        feature.name.encode()
    except UnicodeEncodeError:
        raise FirelibError("its name cannot be encoded as UTF-8", where=where, remedy="rename the feature") from None
    if any(size < 1 for size in feature.shape):
        raise FirelibError(
            f"shape {feature.shape} has no elements", where=where, remedy="use sizes of 1 or more in shape"
        )
    if len(feature.shape) > _MOST_DIMENSIONS:
        raise FirelibError(
            f"expected at most {_MOST_DIMENSIONS} dimensions, got {len(feature.shape)}",
            where=where,
            remedy="use a flatter shape",
        )
    sizes = [max(1, feature.max_length or 1), *feature.shape]
    if prod(sizes) > _MOST_BYTES:
        raise FirelibError(
            f"a value needs more than {_MOST_BYTES} bytes, the most that a record can hold",
            where=where,
            remedy="use a smaller shape or max_length",
        )
    if feature.missing is not None and feature.dtype in INTEGERS:
        info = np.iinfo(feature.dtype)
        if not info.min <= feature.missing <= info.max:
            raise FirelibError(
                f"missing={feature.missing} does not fit {feature.dtype}",
                where=where,
                remedy=f"use a value from {info.min} to {info.max}, or a wider dtype",
            )


def numpy_dtype(feature: Feature) -> np.dtype[np.generic]:
    """Dtype of a feature's column; strings are `S<max_length>` (NUL-padded) if bounded, otherwise object."""
    if feature.dtype == "bfloat16":
        import ml_dtypes  # NumPy has no bfloat16 of its own

        bfloat16: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    if feature.dtype == "bytes" or (feature.dtype == "string" and not feature.max_length):
        return np.dtype(object)
    return np.dtype(f"S{feature.max_length}" if feature.dtype == "string" else feature.dtype).newbyteorder("<")


def list_kind(feature: Feature) -> Kind:
    """The list of tf.train.Feature that holds a feature: `float`, `int64` or `bytes`."""
    if feature.dtype == "float32":
        return "float"
    if feature.dtype in _AS_BYTES or (feature.dtype == "uint8" and feature.shape):
        return "bytes"
    return "int64"


def has_fixed_size(feature: Feature) -> bool:
    """Whether all values of a feature have the same number of bytes."""
    unbounded = feature.dtype == "bytes" or (feature.dtype == "string" and not feature.max_length)
    return not (unbounded or feature.ragged or feature.optional)


def has_fixed_layout(features: Sequence[Feature]) -> bool:
    """Whether a dataset with these features has the fixed layout; otherwise it has the canonical one."""
    return all(has_fixed_size(feature) for feature in features)


def integer_bounds(feature: Feature) -> tuple[int, int]:
    """Smallest and largest integer that a feature may hold.

    The bounds are the declared range, otherwise the range of the dtype, extended to include `missing`.

    Raises:
        FirelibError: The feature's dtype is not an integer.
    """
    if feature.dtype == "bool":
        return 0, 1
    if feature.dtype not in INTEGERS:
        raise FirelibError(
            f"integer bounds requested for dtype {feature.dtype}",
            where=f"feature {feature.name!r}",
            remedy="declare an integer dtype",
        )
    info = np.iinfo(feature.dtype)
    low, high = (int(feature.range[0]), int(feature.range[1])) if feature.range else (info.min, info.max)
    if feature.missing is not None:
        low, high = min(low, feature.missing), max(high, feature.missing)
    return low, high


def varint_width(low: int, high: int) -> int:
    """Bytes of the longest varint in a range of integers; a negative int64 always has ten.

    Args:
        low: Smallest integer.
        high: Largest integer.
    """
    return 10 if low < 0 else max(1, -(-high.bit_length() // 7))


def _record_field(feature: Feature, end: int) -> RecordField:
    kind, item_bytes, items = list_kind(feature), _item_bytes(feature), prod(feature.shape)
    return RecordField(feature, kind, end - item_bytes * items, item_bytes, items)


def _item_bytes(feature: Feature) -> int:
    if list_kind(feature) == "int64":
        return varint_width(*integer_bounds(feature))
    return numpy_dtype(feature).itemsize


def _entry(feature: Feature) -> bytes:
    """An entry of the map in tf.train.Features, with the value zero."""
    value = bytes(_item_bytes(feature) * prod(feature.shape))
    one_list = _LIST_TAG[list_kind(feature)] + length_prefixed(_FIRST + length_prefixed(value))
    return _FIRST + length_prefixed(
        _FIRST + length_prefixed(feature.name.encode()) + _SECOND + length_prefixed(one_list)
    )
