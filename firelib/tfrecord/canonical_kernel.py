"""The canonical encoding in compiled code: what `Example.SerializeToString(deterministic=True)` gives, for many rows.

A feature of a row is an entry of the map in tf.train.Features: key (field 1), value (field 2), and in the value the
list of its kind. Lists of numbers are packed; an empty list is an empty message. First all lengths are measured, since
every message starts with its own, then the bytes are put in place, a feature at a time. Tiles of rows stay in the
first-level cache between the two and the checksums.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.crc import crc_of, crcs_behind, masked
from firelib.tfrecord.memory import copy_bytes, load_i64, load_u8, load_u32, load_u64, store_u8, store_u32, store_u64

#: Kinds of lists; also the numbers of their fields in tf.train.Feature.
BYTES, FLOAT, INT64 = 1, 2, 3

# Columns of the table of features that `fill` takes. Addresses of arrays that are not needed are 0.
#   VALUES   address of float32, of int64, or of the bytes of all items
#   ITEMS    address of int64 [all rows + 1]: where each row's items begin; without it, each row has PER_ROW items
#   STARTS   address of int64: where each item begins (BYTES); without it, items lie WIDTH bytes apart
#   LENGTHS  address of int64: bytes of each item (BYTES); without it, an item ends where the next one begins
#   PRESENT  address of bytes: which rows have the feature; without it, all
#   KEY      address of the key as a field, tag, length, name, and of the tag of the value that follows
VALUES, KIND, ITEMS, PER_ROW, STARTS, WIDTH, LENGTHS, PRESENT, KEY, KEY_BYTES, NAME_BYTES = COLUMNS = range(11)

_TILE_ROWS = 64

Ints = npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def fill(out: int, room: int, features: Ints, start: int, ends: Ints) -> int:
    """Write framed records of rows from `start` on, as many as there is room for.

    Args:
        out: Address of where they go.
        room: Bytes there.
        features: int64 [features, 11]: see above, ordered as in the record.
        start: First row.
        ends: Out: where each record's frame ends; its length is the number of rows wanted.

    Returns:
        How many rows were written; if none was, the bytes that the first one needs, negative.
    """
    payloads, bodies = np.empty((len(features), _TILE_ROWS), np.int64), np.empty(_TILE_ROWS, np.int64)
    cursors = np.empty(_TILE_ROWS, np.int64)
    done, end = 0, 0
    while done < len(ends):
        rows = min(_TILE_ROWS, len(ends) - done)
        bodies[:rows] = 0
        for place in range(len(features)):
            _measure(features[place], start + done, payloads[place, :rows], bodies)
        fitting = _frame_ends(bodies, end, room, ends[done : done + rows])
        if fitting == 0:
            return done if done else -ends[0]
        begin, end = end, ends[done + fitting - 1]
        _open_frames(out, begin, ends[done : done + fitting], bodies, cursors)
        for place in range(len(features)):
            _emit(features[place], start + done, payloads[place, :fitting], cursors)
        _close_frames(out, begin, ends[done : done + fitting])
        done += fitting
        if fitting < rows:
            break
    return done


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


@njit(nogil=True, cache=True, inline="always")
def _items(feature: Ints, row: int) -> tuple[Any, Any]:
    """The first of a row's items, and the one after its last."""
    if feature[ITEMS]:
        return load_i64(feature[ITEMS] + 8 * row), load_i64(feature[ITEMS] + 8 * row + 8)
    return row * feature[PER_ROW], (row + 1) * feature[PER_ROW]


@njit(nogil=True, cache=True, inline="always")
def _item(feature: Ints, item: int) -> tuple[Any, Any]:
    """Address and length of an item of bytes."""
    if not feature[STARTS]:
        length = load_i64(feature[LENGTHS] + 8 * item) if feature[LENGTHS] else feature[WIDTH]
        return feature[VALUES] + item * feature[WIDTH], length
    begin = load_i64(feature[STARTS] + 8 * item)
    return feature[VALUES] + begin, load_i64(feature[STARTS] + 8 * item + 8) - begin


@njit(nogil=True, cache=True, inline="always")
def _lacks(feature: Ints, row: int) -> Any:
    return feature[PRESENT] and not load_u8(feature[PRESENT] + row)


@njit(nogil=True, cache=True)
def _measure(feature: Ints, start: int, payloads: Ints, bodies: Ints) -> None:
    """Note the bytes of one feature's lists, and add those of its entries to each record's."""
    kind, name = feature[KIND], feature[NAME_BYTES]
    known, known_bytes = -1, 0  # the payload before this one: often it is the same
    for row in range(len(payloads)):
        if _lacks(feature, start + row):
            continue
        payload = _payload(feature, kind, start + row)
        payloads[row] = payload
        if payload != known:
            entry = _entry_bytes(name, _list_bytes(kind, payload))
            known, known_bytes = payload, 1 + _length(entry) + entry
        bodies[row] += known_bytes


@njit(nogil=True, cache=True, inline="always")
def _payload(feature: Ints, kind: int, row: int) -> Any:
    """Bytes of a list's content."""
    first, last = _items(feature, row)
    if kind == FLOAT:
        return 4 * (last - first)
    payload = 0
    for item in range(first, last):
        if kind == INT64:
            payload += _length(load_u64(feature[VALUES] + 8 * item))
        else:
            _, length = _item(feature, item)
            payload += 1 + _length(length) + length
    return payload


@njit(nogil=True, cache=True)
def _emit(feature: Ints, start: int, payloads: Ints, cursors: Ints) -> None:
    """Write one feature's entry into each record; `cursors` are addresses, moved behind what is written."""
    kind = feature[KIND]
    known, head, head_bytes = -1, 0, 0  # where the head of an entry with this payload stands already
    for row in range(len(payloads)):
        if _lacks(feature, start + row):
            continue
        payload, target = payloads[row], cursors[row]
        if payload != known:
            known, head = payload, target
            target = _put_head(target, feature, _list_bytes(kind, payload))
            if kind != BYTES and payload:
                store_u8(target, np.uint8(0x0A))
                target = put_varint(target + 1, payload)
            head_bytes = target - head
        else:
            _copy_short(target, head, head_bytes)
            target += head_bytes
        cursors[row] = _put_list(target, feature, kind, start + row)


@njit(nogil=True, cache=True, inline="always")
def _put_list(target: int, feature: Ints, kind: int, row: int) -> Any:
    """A list's items; returns the address behind them."""
    first, last = _items(feature, row)
    if kind == FLOAT:
        _copy_short(target, feature[VALUES] + 4 * first, 4 * (last - first))
        return target + 4 * (last - first)
    for item in range(first, last):
        if kind == INT64:
            target = put_varint(target, load_u64(feature[VALUES] + 8 * item))
        else:
            source, length = _item(feature, item)
            store_u8(target, np.uint8(0x0A))
            target = put_varint(target + 1, length)
            _copy_short(target, source, length)
            target += length
    return target


@njit(nogil=True, cache=True)
def _put_head(target: int, feature: Ints, content: int) -> Any:
    """All of an entry up to the list."""
    store_u8(target, np.uint8(0x0A))
    target = put_varint(target + 1, _entry_bytes(feature[NAME_BYTES], content))
    _copy_short(target, feature[KEY], feature[KEY_BYTES])
    target = put_varint(target + feature[KEY_BYTES], 1 + _length(content) + content)
    store_u8(target, np.uint8(feature[KIND] << 3 | 2))
    return put_varint(target + 1, content)


@njit(nogil=True, cache=True)
def _frame_ends(bodies: Ints, end: int, room: int, ends: Ints) -> int:
    """Where framed records end, from the bytes of their features; returns how many end within the room."""
    for row in range(len(ends)):
        end += 16 + 1 + _length(bodies[row]) + bodies[row]
        ends[row] = end
        if end > room:
            return row
    return len(ends)


@njit(nogil=True, cache=True)
def _open_frames(out: int, begin: int, ends: Ints, bodies: Ints, cursors: Ints) -> None:
    """Write headers and the outermost tag; cursors get the address of the first entry."""
    for row in range(len(ends)):
        frame = out + begin
        store_u64(frame, np.uint64(ends[row] - begin - 16))
        store_u32(frame + 8, masked(crc_of(frame, 8)))
        store_u8(frame + 12, np.uint8(0x0A))
        cursors[row] = put_varint(frame + 13, bodies[row])
        begin = ends[row]


@njit(nogil=True, cache=True)
def _close_frames(out: int, begin: int, ends: Ints) -> None:
    """Write the checksums behind the records."""
    begins = np.empty(len(ends), np.int64)
    begins[0], begins[1:] = begin, ends[:-1]
    for row in range(0, len(ends), 4):
        crcs = crcs_behind(out, begins, ends, row)
        for place in range(min(4, len(ends) - row)):
            store_u32(out + ends[row + place] - 4, masked(crcs[place]))
