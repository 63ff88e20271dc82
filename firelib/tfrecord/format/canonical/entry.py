"""The bytes of an entry of the map in tf.train.Features that precede its values."""

from firelib.tfrecord.format.protobuf_wire import encode_varint, length_prefixed
from firelib.tfrecord.kernels.canonical import BYTES


def entry_key(name: bytes) -> bytes:
    """The key field of an entry, and the tag of the value that follows."""
    return b"\x0a" + length_prefixed(name) + b"\x12"


def entry_head(name: bytes, kind: int, payload: int) -> bytes:
    """The bytes of an entry before the items of its list.

    Args:
        name: The feature's name in UTF-8.
        kind: BYTES, FLOAT or INT64.
        payload: Bytes of all items; an item of BYTES includes its tag and its length.
    """
    packed = b"\x0a" + encode_varint(payload) if kind != BYTES and payload else b""
    value = bytes([kind << 3 | 2]) + encode_varint(len(packed) + payload) + packed
    entry = entry_key(name) + encode_varint(len(value) + payload) + value
    return b"\x0a" + encode_varint(len(entry) + payload) + entry
