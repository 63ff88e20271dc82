"""The canonical encoding in compiled code: what `Example.SerializeToString(deterministic=True)` gives, for many rows.

A feature of a row is an entry of the map in tf.train.Features: key (field 1), value (field 2), and in the value the
list of its kind. Lists of numbers are packed; an empty list is an empty message. First all lengths are measured, since
every message starts with its own, then the bytes are put in place, a feature at a time.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.crc import crc_of, masked
from firelib.tfrecord.memory import copy_bytes, load_u8, load_u32, load_u64, store_u8, store_u32, store_u64

#: Kinds of lists; also the numbers of their fields in tf.train.Feature.
BYTES, FLOAT, INT64 = 1, 2, 3

Ints = npt.NDArray[np.int64]


@njit(nogil=True, cache=True, inline="always")
def _length(value: Any) -> Any:
    """Bytes of a varint."""
    bits, count = np.uint64(value), 1
    while bits > np.uint64(0x7F):
        bits >>= np.uint64(7)
        count += 1
    return count


@njit(nogil=True, cache=True, inline="always")
def put_varint(target: int, value: Any) -> Any:
    """Write a varint; returns the address behind it."""
    bits = np.uint64(value)
    while bits > np.uint64(0x7F):
        store_u8(target, np.uint8((bits & np.uint64(0x7F)) | np.uint64(0x80)))
        bits >>= np.uint64(7)
        target += 1
    store_u8(target, np.uint8(bits))
    return target + 1


@njit(nogil=True, cache=True, inline="always")
def _copy_short(target: int, source: int, count: int) -> None:
    """Copy without the call that `memcpy` is: words, the last one overlapping the one before."""
    if count >= 64:
        copy_bytes(target, source, count)
    elif count >= 8:
        for index in range(0, count - 7, 8):
            store_u64(target + index, load_u64(source + index))
        store_u64(target + count - 8, load_u64(source + count - 8))
    elif count >= 4:
        store_u32(target, load_u32(source))
        store_u32(target + count - 4, load_u32(source + count - 4))
    else:
        for index in range(count):
            store_u8(target + index, load_u8(source + index))


@njit(nogil=True, cache=True, inline="always")
def _list_bytes(kind: int, payload: int) -> Any:
    """Bytes of the list message around a payload; packed numbers have one length in it."""
    if kind == BYTES or payload == 0:
        return payload
    return 1 + _length(payload) + payload


@njit(nogil=True, cache=True, inline="always")
def _entry_bytes(name: int, content: int) -> Any:
    """Bytes of a map entry, for a name and a list of these lengths."""
    value = 1 + _length(content) + content
    return 1 + _length(name) + name + 1 + _length(value) + value


@njit(nogil=True, cache=True)
def measure(
    kind: int, values: int, items: Ints, lengths: Ints, present: npt.NDArray[np.bool_], name: int, start: int,
    payloads: Ints, bodies: Ints,
) -> None:  # fmt: skip
    """Add one feature's bytes to those of each record.

    Args:
        kind: BYTES, FLOAT or INT64.
        values: Address of the values.
        items: Where each row's items begin: int64 [all rows + 1].
        lengths: Bytes of each item (BYTES).
        present: Which rows have the feature.
        name: Bytes of the feature's name.
        start: First row.
        payloads: Out: bytes of the list's content, a row each.
        bodies: In and out: bytes of the features so far.
    """
    known, known_bytes = -1, 0  # the payload before this one: often it is the same
    for row in range(len(payloads)):
        if not present[start + row]:
            continue
        first, last = items[start + row], items[start + row + 1]
        payload = 0
        if kind == FLOAT:
            payload = 4 * (last - first)
        elif kind == INT64:
            for item in range(first, last):
                payload += _length(load_u64(values + 8 * item))
        else:
            for item in range(first, last):
                payload += 1 + _length(lengths[item]) + lengths[item]
        payloads[row] = payload
        if payload != known:
            entry = _entry_bytes(name, _list_bytes(kind, payload))
            known, known_bytes = payload, 1 + _length(entry) + entry
        bodies[row] += known_bytes


@njit(nogil=True, cache=True)
def emit(
    kind: int, values: int, items: Ints, starts: Ints, lengths: Ints, present: npt.NDArray[np.bool_], key: int,
    key_bytes: int, name_bytes: int, start: int, payloads: Ints, cursors: Ints,
) -> None:  # fmt: skip
    """Write one feature's entry into each record; `cursors` are addresses, moved behind what is written.

    Args as in `measure`, and:
        starts: Where each item begins, in bytes from `values` (BYTES).
        key: Address of the key as a field: tag, length, name, and the tag of the value that follows.
        key_bytes: Its length.
        name_bytes: Bytes of the name.
    """
    known, head, head_bytes = -1, 0, 0  # where the head of an entry with this payload stands already
    for row in range(len(payloads)):
        if not present[start + row]:
            continue
        payload, first, last = payloads[row], items[start + row], items[start + row + 1]
        content = _list_bytes(kind, payload)
        target = cursors[row]
        if payload != known:
            known, head = payload, target
            target = _put_head(target, kind, key, key_bytes, name_bytes, content)
            head_bytes = target - head
        else:
            _copy_short(target, head, head_bytes)
            target += head_bytes
        if kind == BYTES:
            for item in range(first, last):
                store_u8(target, np.uint8(0x0A))
                target = put_varint(target + 1, lengths[item])
                _copy_short(target, values + starts[item], lengths[item])
                target += lengths[item]
        elif payload:
            store_u8(target, np.uint8(0x0A))
            target = put_varint(target + 1, payload)
            if kind == FLOAT:
                _copy_short(target, values + 4 * first, payload)
                target += payload
            else:
                for item in range(first, last):
                    target = put_varint(target, load_u64(values + 8 * item))
        cursors[row] = target


@njit(nogil=True, cache=True)
def _put_head(target: int, kind: int, key: int, key_bytes: int, name_bytes: int, content: int) -> Any:
    """All of an entry up to the list's content."""
    store_u8(target, np.uint8(0x0A))
    target = put_varint(target + 1, _entry_bytes(name_bytes, content))
    _copy_short(target, key, key_bytes)
    target = put_varint(target + key_bytes, 1 + _length(content) + content)
    store_u8(target, np.uint8(kind << 3 | 2))
    return put_varint(target + 1, content)


@njit(nogil=True, cache=True)
def frame_ends(bodies: Ints) -> Ints:
    """Where each framed record ends, from the bytes of its features."""
    ends = np.empty(len(bodies), np.int64)
    end = 0
    for row in range(len(bodies)):
        end += 16 + 1 + _length(bodies[row]) + bodies[row]
        ends[row] = end
    return ends


@njit(nogil=True, cache=True)
def open_frames(out: int, ends: Ints, bodies: Ints, cursors: Ints) -> None:
    """Write headers and the outermost tag; cursors get the address of the first entry."""
    begin = 0
    for row in range(len(ends)):
        frame = out + begin
        store_u64(frame, np.uint64(ends[row] - begin - 16))
        store_u32(frame + 8, masked(crc_of(frame, 8)))
        store_u8(frame + 12, np.uint8(0x0A))
        cursors[row] = put_varint(frame + 13, bodies[row])
        begin = ends[row]


@njit(nogil=True, cache=True)
def close_frames(out: int, ends: Ints) -> None:
    """Write the checksums behind the records."""
    begin = 0
    for row in range(len(ends)):
        length = ends[row] - begin - 16
        store_u32(out + ends[row] - 4, masked(crc_of(out + begin + 12, length)))
        begin = ends[row]
