"""Lengths and bytes of varints, as Python and compiled code both need them."""


def varint(value: int) -> bytes:
    """A non-negative integer as the shortest varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(payload: bytes) -> bytes:
    """A length-delimited field's content: its length, then itself."""
    return varint(len(payload)) + payload
