"""Kernel that decodes records of the canonical encoding into columns; the inverse of `kernels.canonical.fill`.

It reads only what that kernel writes: every feature, in the order of the fields, in its shortest encoding. Any other
record is left to `kernels.locate`, which reads the records of every writer but takes several times as long.

Words of eight bytes are read, so the four bytes after a record must be readable; in a frame they are its checksum.
"""

from typing import Any

import numpy as np
from numba import njit

from firelib.tfrecord.kernels.canonical import Ints, short_lengths
from firelib.tfrecord.kernels.gather import put_integer
from firelib.tfrecord.kernels.locate import equal_bytes
from firelib.tfrecord.kernels.raw_memory import (
    copy_bytes,
    load_i64,
    load_u8,
    load_u32,
    load_u64,
    store_u32,
    store_u64,
)
from firelib.tfrecord.kernels.wire import read_varint

# A field's descriptor: one row of the table that `decode` takes.
#   FORM        PLAIN, INTEGERS, PADDED or TEXT
#   HEAD        address of the bytes before the value (PLAIN); otherwise of the name as a field and the value's tag
#   HEAD_BYTES  bytes at HEAD
#   KIND_TAG    tag of the list in tf.train.Feature
#   TARGET      address of the output column
#   STRIDE      bytes from one batch of the column to the next
#   WIDTH       bytes of a row of the column
#   ITEMS       integers of a row (INTEGERS)
#   LOW, HIGH   smallest and largest integer that the column can hold (INTEGERS)
FORM, HEAD, HEAD_BYTES, KIND_TAG, TARGET, STRIDE, WIDTH, ITEMS, LOW, HIGH = range(10)
FIELD_COLUMNS = 10

#: Forms of a value: bytes that are copied, integers, a string that NULs pad, or a string whose span is stored: its
#: offset in the buffer and its length, int64 [2].
PLAIN, INTEGERS, PADDED, TEXT = range(4)

_FIELD_BYTES = 8 * FIELD_COLUMNS
_LENGTHS = np.uint64(0xFFFFFFFFFF)  # the five bytes of `short_lengths`


@njit(nogil=True, cache=True)
def decode(base: int, begins: Ints, ends: Ints, index: Ints, fields: Ints) -> int:
    """Decode records into columns.

    Args:
        base: Address of the buffer.
        begins: Offset of each record's first byte, int64 [records].
        ends: Offset of the byte after each record, int64 [records].
        index: Index of each record to decode, in output order: int64 [batches, rows].
        fields: int64 [fields, FIELD_COLUMNS], the descriptors in the order of the record.

    Returns:
        -1, or the position in `index` of the first record that has another encoding; then the columns are incomplete.
    """
    table, count = fields.ctypes.data, len(fields)
    for batch in range(index.shape[0]):
        for row in range(index.shape[1]):
            record = index[batch, row]
            if not _decode_record(base + begins[record], base + ends[record], base, table, count, batch, row):
                return batch * index.shape[1] + row
    return -1


@njit(nogil=True, cache=True, inline="always")
def _get(field: int, column: int) -> Any:
    """Load one column of a descriptor by the descriptor's address."""
    return load_i64(field + 8 * column)


@njit(nogil=True, cache=True)
def _decode_record(at: int, end: int, base: int, table: int, count: int, batch: int, row: int) -> bool:
    """Decode the record from address `at` to `end` into one row of all columns; False if it is encoded otherwise."""
    if at >= end or load_u8(at) != 0x0A:
        return False
    size, at = read_varint(0, at + 1, end)
    if at < 0 or size != np.uint64(end - at):
        return False
    for number in range(count):
        field = table + number * _FIELD_BYTES
        target = _get(field, TARGET) + batch * _get(field, STRIDE) + row * _get(field, WIDTH)
        if _get(field, FORM) == PLAIN:
            at = _take_plain(at, end, field, target)
        else:
            start, at = _match_entry(at, end, field)
            if at >= 0 and not _take(start, at, base, field, target):
                return False
        if at < 0:
            return False
    return at == end


@njit(nogil=True, cache=True, inline="always")
def _take_plain(at: int, end: int, field: int, target: int) -> Any:
    """Copy a value of a constant size; return the address after it, or -1 if another head comes before it."""
    head, width = _get(field, HEAD_BYTES), _get(field, WIDTH)
    stop = at + head + width
    if stop > end or not equal_bytes(at, _get(field, HEAD), head):
        return -1
    if width == 4:
        store_u32(target, load_u32(at + head))
    else:
        copy_bytes(target, at + head, width)
    return stop


@njit(nogil=True, cache=True, inline="always")
def _match_entry(at: int, end: int, field: int) -> tuple[Any, Any]:
    """Match an entry whose value is one field of a list; return the addresses of the content and after it, or -1."""
    name = at + 2
    lengths = name + _get(field, HEAD_BYTES)
    if lengths + 5 <= end and equal_bytes(name, _get(field, HEAD), _get(field, HEAD_BYTES)):
        found = load_u64(lengths) & _LENGTHS
        size = np.int64(found >> np.uint64(32))
        stop = lengths + 5 + size
        is_short = load_u8(at) == 0x0A and load_u8(at + 1) == np.uint8(stop - name) and stop - name <= 0x7F
        if is_short and stop <= end and found == short_lengths(_get(field, KIND_TAG), size):
            return lengths + 5, stop
    return _match_long_entry(at, end, field)


@njit(nogil=True, cache=True)
def _match_long_entry(at: int, end: int, field: int) -> tuple[Any, Any]:
    """Like `_match_entry`, with lengths of any number of bytes."""
    if at >= end or load_u8(at) != 0x0A:
        return 0, -1
    size, name = read_varint(0, at + 1, end)
    if name < 0 or size > np.uint64(end - name):
        return 0, -1
    stop, value = name + np.int64(size), name + _get(field, HEAD_BYTES)
    if value > stop or not equal_bytes(name, _get(field, HEAD), _get(field, HEAD_BYTES)):
        return 0, -1
    size, value = read_varint(0, value, stop)
    if value < 0 or size != np.uint64(stop - value):
        return 0, -1
    content = _enter(_enter(value, stop, _get(field, KIND_TAG)), stop, 0x0A)
    return content, stop if content >= 0 else -1


@njit(nogil=True, cache=True, inline="always")
def _enter(at: int, stop: int, tag: int) -> Any:
    """Address of the content of a field with this tag that ends at `stop`, or -1; `at` may be -1, too."""
    if at < 0 or at >= stop or load_u8(at) != tag:
        return -1
    size, content = read_varint(0, at + 1, stop)
    return content if content >= 0 and size == np.uint64(stop - content) else -1


@njit(nogil=True, cache=True, inline="always")
def _take(at: int, stop: int, base: int, field: int, target: int) -> bool:
    """Store the value from address `at` to `stop`; False if the column cannot hold it."""
    if _get(field, FORM) == TEXT:
        store_u64(target, np.uint64(at - base))
        store_u64(target + 8, np.uint64(stop - at))
        return True
    if _get(field, FORM) == INTEGERS:
        return _take_integers(at, stop, field, target)
    if stop - at > _get(field, WIDTH):
        return False
    copy_bytes(target, at, stop - at)
    return True


@njit(nogil=True, cache=True, inline="always")
def _take_integers(at: int, stop: int, field: int, target: int) -> bool:
    items, low, high = _get(field, ITEMS), _get(field, LOW), _get(field, HIGH)
    size = _get(field, WIDTH) // items
    for item in range(items):
        bits, at = read_varint(0, at, stop)
        if at < 0 or np.int64(bits) < low or np.int64(bits) > high:
            return False
        put_integer(target + item * size, bits, size)
    return at == stop
