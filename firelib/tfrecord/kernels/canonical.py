"""The canonical encoding in compiled code: what `Example.SerializeToString(deterministic=True)` gives, for many rows.

A feature of a row is an entry of the map in tf.train.Features: key (field 1), value (field 2), and in the value the
list of its kind. Lists of numbers are packed; an empty list is an empty message. First all lengths are measured, since
every message starts with its own, then the bytes are put in place, a row at a time. Tiles of rows stay in the
first-level cache between the two and the checksums.

What stands before a feature's list, its head, is copied from one made beforehand. Copies are of whole vectors and so
go beyond their end, where the next ones overwrite them: no branch depends on the length of a short string.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.kernels.crc32c import crc_of, crcs_behind, masked
from firelib.tfrecord.kernels.raw_memory import (
    copy_32,
    copy_bytes,
    copy_over,
    load_i64,
    load_u8,
    load_u32,
    load_u64,
    store_u8,
    store_u32,
    store_u64,
)

#: Kinds of lists; also the numbers of their fields in tf.train.Feature.
BYTES, FLOAT, INT64 = 1, 2, 3

# Columns of the table of features that `fill` takes. Addresses of arrays that are not needed are 0.
#   VALUES       address of float32, of int64, or of the bytes of all items
#   END          address behind the values
#   ITEMS        address of int64 [all rows + 1]: where each row's items begin; without it, each row has PER_ROW items
#   STARTS       address of int64: where each item begins (BYTES); without it, items lie WIDTH bytes apart
#   LENGTHS      address of int64: bytes of each item (BYTES); without it, an item ends where the next one begins
#   PRESENT      address of bytes: which rows have the feature; without it, all
#   KEY          address of the key as a field, tag, length, name, and of the tag of the value that follows
#   HEAD         address of what stands before the list, and 32 bytes more that can be read
#   ENTRY_BYTES  bytes of an entry, if they are the same in all rows; else 0, and the lengths in the head are to be set
VALUES, END, KIND, ITEMS, PER_ROW, STARTS, WIDTH, LENGTHS, PRESENT = range(9)
KEY, KEY_BYTES, NAME_BYTES, HEAD, HEAD_BYTES, ENTRY_BYTES = range(9, 15)
COLUMNS = 15

_LINE = 8 * COLUMNS
_TILE_ROWS = 64
_BYTE = 0x7F  # the largest varint of one byte

Ints = npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def fill(out: int, room: int, features: Ints, start: int, ends: Ints) -> int:
    """Write framed records of rows from `start` on, as many as there is room for.

    Args:
        out: Address of where they go.
        room: Bytes there, not counting SLACK more.
        features: int64 [features, COLUMNS]: see above, ordered as in the record.
        start: First row.
        ends: Out: where each record's frame ends; its length is the number of rows wanted.

    Returns:
        How many rows were written; if none was, the bytes that the first one needs, negative.
    """
    payloads, bodies = np.empty((len(features), _TILE_ROWS), np.int64), np.empty(_TILE_ROWS, np.int64)
    table, constant = features.ctypes.data, features[:, ENTRY_BYTES].sum()
    done, end = 0, 0
    while done < len(ends):
        rows = min(_TILE_ROWS, len(ends) - done)
        bodies[:rows] = constant
        for place in range(len(features)):
            if not features[place, ENTRY_BYTES]:
                _measure(table + place * _LINE, start + done, payloads[place, :rows], bodies)
        fitting = _frame_ends(bodies, end, room, ends[done : done + rows])
        if fitting == 0:
            return done if done else -ends[0]
        begin = end
        for row in range(fitting):
            target = _open_frame(out + end, ends[done + row] - end, bodies[row])
            _emit(target, table, len(features), start + done + row, payloads.ctypes.data + 8 * row)
            end = ends[done + row]
        _close_frames(out, begin, ends[done : done + fitting])
        done += fitting
        if fitting < rows:
            break
    return done


@njit(nogil=True, cache=True, inline="always")
def _get(feature: int, column: int) -> Any:
    """One column of a feature's line, by the line's address: a view of the table would be counted as a reference."""
    return load_i64(feature + 8 * column)


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
def _list_bytes(kind: int, payload: int) -> Any:
    """Bytes of the list message around a payload; packed numbers have one length in it."""
    if kind == BYTES or payload == 0:
        return payload
    return 1 + _length(payload) + payload


@njit(nogil=True, cache=True, inline="always")
def _short_entry(name: int, content: int) -> Any:
    """Bytes of a map entry, for a name and a list of these lengths, if each of its three lengths is a byte."""
    return 4 + name + 2 + content


@njit(nogil=True, cache=True, inline="always")
def _entry_bytes(name: int, content: int) -> Any:
    """Bytes of a map entry, for a name and a list of these lengths."""
    if _short_entry(name, content) <= _BYTE:
        return _short_entry(name, content)
    value = 1 + _length(content) + content
    return 1 + _length(name) + name + 1 + _length(value) + value


@njit(nogil=True, cache=True, inline="always")
def _items(feature: int, row: int) -> tuple[Any, Any]:
    """The first of a row's items, and the one after its last."""
    if _get(feature, ITEMS):
        return load_i64(_get(feature, ITEMS) + 8 * row), load_i64(_get(feature, ITEMS) + 8 * row + 8)
    return row * _get(feature, PER_ROW), (row + 1) * _get(feature, PER_ROW)


@njit(nogil=True, cache=True, inline="always")
def _item(feature: int, item: int) -> tuple[Any, Any]:
    """Address and length of an item of bytes."""
    if not _get(feature, STARTS):
        length = load_i64(_get(feature, LENGTHS) + 8 * item) if _get(feature, LENGTHS) else _get(feature, WIDTH)
        return _get(feature, VALUES) + item * _get(feature, WIDTH), length
    begin = load_i64(_get(feature, STARTS) + 8 * item)
    return _get(feature, VALUES) + begin, load_i64(_get(feature, STARTS) + 8 * item + 8) - begin


@njit(nogil=True, cache=True, inline="always")
def _lacks(feature: int, row: int) -> Any:
    return _get(feature, PRESENT) and not load_u8(_get(feature, PRESENT) + row)


@njit(nogil=True, cache=True)
def _measure(feature: int, start: int, payloads: Ints, bodies: Ints) -> None:
    """Note the bytes of one feature's lists, and add those of its entries to each record's."""
    kind, name = _get(feature, KIND), _get(feature, NAME_BYTES)
    for row in range(len(payloads)):
        if _lacks(feature, start + row):
            continue
        payload = _payload(feature, kind, start + row)
        payloads[row] = payload
        entry = _entry_bytes(name, _list_bytes(kind, payload))
        bodies[row] += 1 + _length(entry) + entry


@njit(nogil=True, cache=True, inline="always")
def _payload(feature: int, kind: int, row: int) -> Any:
    """Bytes of a list's content."""
    first, last = _items(feature, row)
    if kind == FLOAT:
        return 4 * (last - first)
    payload = 0
    for item in range(first, last):
        if kind == INT64:
            payload += _length(load_u64(_get(feature, VALUES) + 8 * item))
        else:
            _, length = _item(feature, item)
            payload += 1 + _length(length) + length
    return payload


@njit(nogil=True, cache=True, inline="always")
def _emit(target: int, table: int, features: int, row: int, payloads: int) -> None:
    """Write one row's entries; `payloads` is the address of the first one's, which lie _TILE_ROWS apart."""
    for place in range(features):
        feature = table + place * _LINE
        if _get(feature, ENTRY_BYTES):
            _copy_head(target, feature, _get(feature, HEAD_BYTES))
            target += _get(feature, HEAD_BYTES)
        elif _lacks(feature, row):
            continue
        else:
            target = _put_head(target, feature, load_i64(payloads + 8 * _TILE_ROWS * place))
        target = _put_list(target, feature, row)


@njit(nogil=True, cache=True, inline="always")
def _copy_head(target: int, feature: int, count: int) -> None:
    for index in range(0, count, 32):
        copy_32(target + index, _get(feature, HEAD) + index)


@njit(nogil=True, cache=True, inline="always")
def _put_head(target: int, feature: int, payload: int) -> Any:
    """All of an entry up to the list's items; if it is short, each of its three lengths is a byte."""
    packed = _get(feature, KIND) != BYTES and payload > 0
    content, key = _list_bytes(_get(feature, KIND), payload), _get(feature, KEY_BYTES)
    entry = _short_entry(_get(feature, NAME_BYTES), content)
    if entry > _BYTE:
        target = _put_long_head(target, feature, content)
    else:
        _copy_head(target, feature, key + 5)
        store_u8(target + 1, np.uint8(entry))
        store_u8(target + 2 + key, np.uint8(2 + content))
        store_u8(target + 4 + key, np.uint8(content))
        target += 5 + key
    if packed:
        store_u8(target, np.uint8(0x0A))
        target = put_varint(target + 1, payload)
    return target


@njit(nogil=True, cache=True)
def _put_long_head(target: int, feature: int, content: int) -> Any:
    """All of an entry up to the list, of any length."""
    store_u8(target, np.uint8(0x0A))
    target = put_varint(target + 1, _entry_bytes(_get(feature, NAME_BYTES), content))
    copy_bytes(target, _get(feature, KEY), _get(feature, KEY_BYTES))
    target = put_varint(target + _get(feature, KEY_BYTES), 1 + _length(content) + content)
    store_u8(target, np.uint8(_get(feature, KIND) << 3 | 2))
    return put_varint(target + 1, content)


@njit(nogil=True, cache=True, inline="always")
def _put_list(target: int, feature: int, row: int) -> Any:
    """A list's items; returns the address behind them."""
    first, last = _items(feature, row)
    if _get(feature, KIND) == FLOAT:
        source, count = _get(feature, VALUES) + 4 * first, 4 * (last - first)
        if count == 4:
            store_u32(target, load_u32(source))
        else:
            copy_over(target, source, count, _get(feature, END))
        return target + count
    for item in range(first, last):
        if _get(feature, KIND) == INT64:
            target = put_varint(target, load_u64(_get(feature, VALUES) + 8 * item))
        else:
            source, length = _item(feature, item)
            store_u8(target, np.uint8(0x0A))
            target = put_varint(target + 1, length)
            copy_over(target, source, length, _get(feature, END))
            target += length
    return target


@njit(nogil=True, cache=True)
def _frame_ends(bodies: Ints, end: int, room: int, ends: Ints) -> int:
    """Where framed records end, from the bytes of their features; returns how many end within the room."""
    for row in range(len(ends)):
        end += 16 + 1 + _length(bodies[row]) + bodies[row]
        ends[row] = end
        if end > room:
            return row
    return len(ends)


@njit(nogil=True, cache=True, inline="always")
def _open_frame(frame: int, size: int, body: int) -> Any:
    """Write a header and the outermost tag; returns the address of the first entry."""
    store_u64(frame, np.uint64(size - 16))
    store_u32(frame + 8, masked(crc_of(frame, 8)))
    store_u8(frame + 12, np.uint8(0x0A))
    return put_varint(frame + 13, body)


@njit(nogil=True, cache=True)
def _close_frames(out: int, begin: int, ends: Ints) -> None:
    """Write the checksums behind the records."""
    begins = np.empty(len(ends), np.int64)
    begins[0], begins[1:] = begin, ends[:-1]
    for row in range(0, len(ends), 4):
        crcs = crcs_behind(out, begins, ends, row)
        for place in range(min(4, len(ends) - row)):
            store_u32(out + ends[row + place] - 4, masked(crcs[place]))
