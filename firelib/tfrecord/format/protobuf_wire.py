"""Varints and length-delimited fields of Protocol Buffers, in Python.

Format: https://protobuf.dev/programming-guides/encoding.
"""


def encode_varint(value: int) -> bytes:
    """Encode a non-negative integer as the shortest varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def length_prefixed(payload: bytes) -> bytes:
    """Prefix a payload with its length, as in a length-delimited field after its tag."""
    return encode_varint(len(payload)) + payload
