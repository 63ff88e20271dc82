"""The fixed layout: every feature has a fixed size, so every `tf.train.Example` has the same length.

A record stays a valid Example (keys sorted, as deterministic serialisation does): float32 is a float_list; integers and
bool are int64_lists whose varints are padded to a constant width; strings (NUL-padded), float64 and arrays of
uint8 are one little-endian bytes_list. Protocol Buffers allow padded varints ("overlong" encodings), and
TensorFlow and upb read them. Formats: https://protobuf.dev/programming-guides/encoding and
tensorflow/core/example/feature.proto.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError
from firelib.recipe import INTEGERS, Feature
from firelib.tfrecord.format.protobuf_wire import sized, varint

Kind = Literal["float", "int64", "bytes"]

#: Feature name -> array [rows, *shape].
Columns = Mapping[str, npt.NDArray[np.generic]]

# Field numbers of the oneof in tf.train.Feature, as wire tags (number << 3 | 2).
_LIST_TAG = {"bytes": b"\x0a", "float": b"\x12", "int64": b"\x1a"}
_FIRST, _SECOND = b"\x0a", b"\x12"


# Stored as bytes: no list holds them.
_AS_BYTES = frozenset({"string", "bytes", "float64", "float16", "bfloat16", "uint64"})


@dataclass(frozen=True)
class Slot:
    """Where one feature's value lies in a record.

    Attributes:
        feature: The declaration.
        kind: Which list of tf.train.Feature holds it.
        offset: First byte of the value in the record.
        item_bytes: Bytes of one element (the varint's width for int64).
        items: Elements in one value.
    """

    feature: Feature
    kind: Kind
    offset: int
    item_bytes: int
    items: int

    @property
    def width(self) -> int:
        return self.item_bytes * self.items


@dataclass(frozen=True)
class FixedLayout:
    """A record's template and the places of the values in it.

    Attributes:
        template: The record with all values zero.
        slots: One a feature, in the order of the features given.
    """

    template: bytes
    slots: tuple[Slot, ...]

    @property
    def record_bytes(self) -> int:
        """Length of one record, without the 16 bytes of framing."""
        return len(self.template)

    @cached_property
    def places(self) -> npt.NDArray[np.int64]:
        """Where values lie in a record, [slots, 3]: offset, bytes of one item, items."""
        return np.array([(slot.offset, slot.item_bytes, slot.items) for slot in self.slots], np.int64)


def fixed_layout(features: Sequence[Feature]) -> FixedLayout:
    """The layout of a dataset with these features.

    Raises:
        FirelibError: Two of them have one name, or one cannot be stored as declared.
    """
    check_features(features)
    entries = {feature.name: _entry(feature) for feature in features}
    body = b"".join(entry for _, entry in sorted(entries.items(), key=lambda item: item[0].encode()))
    template = _FIRST + varint(len(body)) + body
    offsets, end = {}, len(template) - len(body)
    for name, entry in sorted(entries.items(), key=lambda item: item[0].encode()):
        end += len(entry)
        offsets[name] = end  # the value is the last thing in its entry
    return FixedLayout(template, tuple(_slot(feature, offsets[feature.name]) for feature in features))


def check_features(features: Sequence[Feature]) -> None:
    """Refuse declarations that no record can hold."""
    names = [feature.name for feature in features]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FirelibError(f"declared twice: {', '.join(twice)}", remedy="one feature a name")
    for feature in features:
        _check_one(feature)


def _check_one(feature: Feature) -> None:
    where = f"feature {feature.name!r}"
    try:
        feature.name.encode()
    except UnicodeEncodeError:
        raise FirelibError("its name cannot be written as UTF-8", where=where, remedy="rename it") from None
    if any(size < 1 for size in feature.shape):
        raise FirelibError(f"shape {feature.shape} has no elements", where=where, remedy="every size is at least 1")
    if feature.missing is not None and feature.dtype in INTEGERS:
        info = np.iinfo(feature.dtype)
        if not info.min <= feature.missing <= info.max:
            raise FirelibError(
                f"missing={feature.missing} is no {feature.dtype}",
                where=where,
                remedy="choose another stand-in or dtype",
            )


def numpy_dtype(feature: Feature) -> np.dtype[np.generic]:
    """The dtype of a column of this feature: `S<max_length>` for bounded strings (NUL-padded), object for others."""
    if feature.dtype == "bfloat16":
        import ml_dtypes  # NumPy has no bfloat16 of its own

        bfloat16: np.dtype[np.generic] = np.dtype(ml_dtypes.bfloat16)
        return bfloat16
    if feature.dtype == "bytes" or (feature.dtype == "string" and not feature.max_length):
        return np.dtype(object)
    return np.dtype(f"S{feature.max_length}" if feature.dtype == "string" else feature.dtype).newbyteorder("<")


def kind_of(feature: Feature) -> Kind:
    """Which list of tf.train.Feature holds a feature."""
    if feature.dtype == "float32":
        return "float"
    if feature.dtype in _AS_BYTES or (feature.dtype == "uint8" and feature.shape):
        return "bytes"
    return "int64"


def has_fixed_size(feature: Feature) -> bool:
    """Whether all values of a feature take the same number of bytes."""
    unbounded = feature.dtype == "bytes" or (feature.dtype == "string" and not feature.max_length)
    return not (unbounded or feature.ragged or feature.optional)


def is_fixed(features: Sequence[Feature]) -> bool:
    """Whether a dataset with these features has the fixed layout; else it has the canonical one."""
    return all(has_fixed_size(feature) for feature in features)


def integer_bounds(feature: Feature) -> tuple[int, int]:
    """Smallest and largest integer that a feature may hold: declared range, else dtype; with `missing`."""
    if feature.dtype == "bool":
        return 0, 1
    if feature.dtype not in INTEGERS:
        raise FirelibError(f"{feature.dtype} has no integer bounds", where=f"feature {feature.name!r}")
    info = np.iinfo(feature.dtype)
    low, high = (int(feature.range[0]), int(feature.range[1])) if feature.range else (info.min, info.max)
    if feature.missing is not None:
        low, high = min(low, feature.missing), max(high, feature.missing)
    return low, high


def varint_width(low: int, high: int) -> int:
    """Bytes that hold every integer of a range as a varint; a negative int64 always takes ten."""
    return 10 if low < 0 else max(1, -(-high.bit_length() // 7))


def _slot(feature: Feature, end: int) -> Slot:
    kind, item_bytes, items = kind_of(feature), _item_bytes(feature), prod(feature.shape)
    return Slot(feature, kind, end - item_bytes * items, item_bytes, items)


def _item_bytes(feature: Feature) -> int:
    if kind_of(feature) == "int64":
        return varint_width(*integer_bounds(feature))
    return numpy_dtype(feature).itemsize


def _entry(feature: Feature) -> bytes:
    """One entry of the map in tf.train.Features, its value zero."""
    value = bytes(_item_bytes(feature) * prod(feature.shape))
    one_list = _LIST_TAG[kind_of(feature)] + sized(_FIRST + sized(value))
    return _FIRST + sized(_FIRST + sized(feature.name.encode()) + _SECOND + sized(one_list))
