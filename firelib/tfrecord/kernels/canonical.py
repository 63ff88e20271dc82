"""Kernel of the canonical encoding: the bytes of `Example.SerializeToString(deterministic=True)`, for many rows.

A row's feature is an entry of the map in tf.train.Features: the key (field 1), the value (field 2), and in the value
the list of its kind. Lists of numbers are packed. An empty list is an empty message. Messages and their field numbers
are defined in tensorflow/core/example/{example,feature}.proto, the encoding in
https://protobuf.dev/programming-guides/encoding.

A message is preceded by its length, so the kernel works in passes over a tile of rows: it measures all lengths, then
writes the bytes row by row, then computes the checksums. A tile fits the first-level cache.

The bytes before a feature's list, its head, are copied from a prepared one. Copies move whole vectors and run past
their end, where the next copy overwrites them, so no branch depends on the length of a short string. Consecutive
numbers whose entries have the same length in all rows are one run: a prepared piece of the record, into which the
values are patched.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from firelib.tfrecord.kernels.crc32c import compute_word_crc, frame_crcs, mask_crc
from firelib.tfrecord.kernels.raw_memory import (
    copy_64,
    copy_bytes,
    copy_with_slack,
    load_i32,
    load_i64,
    load_u8,
    load_u32,
    load_u64,
    store_u8,
    store_u32,
    store_u64,
)
from firelib.tfrecord.kernels.wire import varint_bytes, write_varint

#: Kinds of lists, equal to their field numbers in tf.train.Feature.
BYTES, FLOAT, INT64 = 1, 2, 3

# A part's descriptor: one row of the table that `fill` takes. A part is a feature, or a run of features. The address of
# an absent array is 0.
#   FORM         LIST, TEXT (one string in every row, with STARTS) or RUN
#   VALUES       address of the values: float32, int64, or the bytes of all items; of the patches of a run
#   END          address of the byte after the values
#   KIND         BYTES, FLOAT or INT64
#   ITEMS        address of int64 [all rows + 1], index of each row's first item; if absent, every row has PER_ROW items
#   PER_ROW      items of a row, if ITEMS is absent; patches of a run
#   STARTS       address of int64, offset of each item (BYTES); if absent, items lie WIDTH bytes apart
#   NARROW       whether STARTS is int32
#   WIDTH        bytes from one item to the next (BYTES), if STARTS is absent
#   LENGTHS      address of int64, bytes of each item (BYTES); if absent, an item ends where the next one begins
#   PRESENT      address of bool, whether a row has the feature; if absent, all rows have it
#   KEY          address of the key as a field (tag, length, name), followed by the tag of the value
#   KEY_BYTES    bytes at KEY
#   NAME_BYTES   bytes of the name
#   HEAD         address of the bytes before the list, followed by SLACK readable bytes; of the whole piece of a run
#   HEAD_BYTES   bytes at HEAD
#   ENTRY_BYTES  bytes of the part if all rows have the same; otherwise 0, and `fill` sets the lengths in the head
FORM, VALUES, END, KIND, ITEMS, PER_ROW, STARTS, NARROW, WIDTH, LENGTHS, PRESENT = range(11)
KEY, KEY_BYTES, NAME_BYTES, HEAD, HEAD_BYTES, ENTRY_BYTES = range(11, 17)
COLUMNS = 17

#: Forms of a part.
LIST, TEXT, RUN = range(3)

# A patch, one value in a run: its offset in the run, the address of the values of all rows, and the bytes of its varint
# (int64), or FLOAT_PATCH (float32).
PATCH_COLUMNS = 3
FLOAT_PATCH = 0

_DESCRIPTOR_BYTES, _PATCH_BYTES = 8 * COLUMNS, 8 * PATCH_COLUMNS
_TILE_ROWS = 64
_ONE_BYTE_MAX = 0x7F  # the largest value whose varint has one byte

Ints = npt.NDArray[np.int64]


@njit(nogil=True, cache=True)
def fill(out: int, room: int, parts: Ints, start: int, ends: Ints) -> int:
    """Write framed records of the rows from `start` on, as many as fit.

    Args:
        out: Address of the output buffer.
        room: Bytes of the buffer, not counting SLACK more at its end.
        parts: int64 [parts, COLUMNS], the descriptors in the order of the record.
        start: First row.
        ends: Output, int64 [rows wanted]: where each record's frame ends in the buffer.

    Returns:
        Number of rows written. If none fits, the bytes that the first row needs, negated.
    """
    payloads, bodies = np.empty((len(parts), _TILE_ROWS), np.int64), np.empty(_TILE_ROWS, np.int64)
    table, constant = parts.ctypes.data, parts[:, ENTRY_BYTES].sum()
    done, end = 0, 0
    while done < len(ends):
        rows = min(_TILE_ROWS, len(ends) - done)
        bodies[:rows] = constant
        for index in range(len(parts)):
            if parts[index, FORM] == TEXT:
                _measure_texts(table + index * _DESCRIPTOR_BYTES, start + done, bodies[:rows])
            elif not parts[index, ENTRY_BYTES]:
                _measure(table + index * _DESCRIPTOR_BYTES, start + done, payloads[index, :rows], bodies)
        fitting = _frame_ends(bodies, end, room, ends[done : done + rows])
        if fitting == 0:
            return done if done else -ends[0]
        begin = end
        for row in range(fitting):
            target = _open_frame(out + end, ends[done + row] - end, bodies[row])
            _write_entries(target, table, len(parts), start + done + row, payloads.ctypes.data + 8 * row)
            end = ends[done + row]
        _close_frames(out, begin, ends[done : done + fitting])
        done += fitting
        if fitting < rows:
            break
    return done


@njit(nogil=True, cache=True, inline="always")
def _get(feature: int, column: int) -> Any:
    """Load one column of a descriptor by the descriptor's address: a view of the table would cost reference counts."""
    return load_i64(feature + 8 * column)


@njit(nogil=True, cache=True, inline="always")
def _list_bytes(kind: int, payload: int) -> Any:
    """Bytes of the list message that holds a payload; a packed list adds a tag and a length."""
    if kind == BYTES or payload == 0:
        return payload
    return 1 + varint_bytes(payload) + payload


@njit(nogil=True, cache=True, inline="always")
def short_lengths(tag: int, payload: int) -> Any:
    """The five bytes between the name and the payload of a short entry whose list is one field, as an integer.

    They are the length of the value, the tag and the length of the list, the tag and the length of the field.
    """
    size, list_tag = np.uint64(payload), np.uint64(tag)
    value, content = size + np.uint64(4), size + np.uint64(2)
    return (
        value
        | list_tag << np.uint64(8)
        | content << np.uint64(16)
        | np.uint64(0x0A) << np.uint64(24)
        | size << np.uint64(32)
    )


@njit(nogil=True, cache=True, inline="always")
def _short_entry(name: int, content: int) -> Any:
    """Bytes of a map entry with a name and a list of these lengths, if its three length varints have one byte each."""
    return 4 + name + 2 + content


@njit(nogil=True, cache=True, inline="always")
def _entry_bytes(name: int, content: int) -> Any:
    """Bytes of a map entry with a name and a list of these lengths."""
    if _short_entry(name, content) <= _ONE_BYTE_MAX:
        return _short_entry(name, content)
    value = 1 + varint_bytes(content) + content
    return 1 + varint_bytes(name) + name + 1 + varint_bytes(value) + value


@njit(nogil=True, cache=True, inline="always")
def _items(feature: int, row: int) -> tuple[Any, Any]:
    """Index of a row's first item, and of the item after its last."""
    if _get(feature, ITEMS):
        return load_i64(_get(feature, ITEMS) + 8 * row), load_i64(_get(feature, ITEMS) + 8 * row + 8)
    return row * _get(feature, PER_ROW), (row + 1) * _get(feature, PER_ROW)


@njit(nogil=True, cache=True, inline="always")
def _item(feature: int, item: int) -> tuple[Any, Any]:
    """Address and length of one item of a BYTES list."""
    if not _get(feature, STARTS):
        length = load_i64(_get(feature, LENGTHS) + 8 * item) if _get(feature, LENGTHS) else _get(feature, WIDTH)
        return _get(feature, VALUES) + item * _get(feature, WIDTH), length
    begin, end = _start(feature, item), _start(feature, item + 1)
    return _get(feature, VALUES) + begin, end - begin


@njit(nogil=True, cache=True, inline="always")
def _start(feature: int, item: int) -> Any:
    """Offset of an item of a BYTES list with STARTS."""
    if _get(feature, NARROW):
        return np.int64(load_i32(_get(feature, STARTS) + 4 * item))
    return np.int64(load_i64(_get(feature, STARTS) + 8 * item))


@njit(nogil=True, cache=True, inline="always")
def _lacks(feature: int, row: int) -> Any:
    """Whether a row lacks an optional feature."""
    return _get(feature, PRESENT) and not load_u8(_get(feature, PRESENT) + row)


@njit(nogil=True, cache=True)
def _measure_texts(feature: int, start: int, bodies: Ints) -> None:
    """Like `_measure`, for a TEXT."""
    name, begin = _get(feature, NAME_BYTES), _start(feature, start)
    for row in range(len(bodies)):
        end = _start(feature, start + row + 1)
        length = end - begin
        entry = _short_entry(name, 2 + length)
        if entry > _ONE_BYTE_MAX:
            entry = _entry_bytes(name, 1 + varint_bytes(length) + length)
        bodies[row] += 1 + varint_bytes(entry) + entry
        begin = end


@njit(nogil=True, cache=True)
def _measure(feature: int, start: int, payloads: Ints, bodies: Ints) -> None:
    """Set the payload of each row's list of one feature, and add the bytes of its entry to the row's body."""
    kind, name = _get(feature, KIND), _get(feature, NAME_BYTES)
    for row in range(len(payloads)):
        if _lacks(feature, start + row):
            continue
        payload = _payload(feature, kind, start + row)
        payloads[row] = payload
        entry = _entry_bytes(name, _list_bytes(kind, payload))
        bodies[row] += 1 + varint_bytes(entry) + entry


@njit(nogil=True, cache=True, inline="always")
def _payload(feature: int, kind: int, row: int) -> Any:
    """Bytes of a row's list, without its tags and lengths around the items."""
    first, last = _items(feature, row)
    if kind == FLOAT:
        return 4 * (last - first)
    payload = 0
    for item in range(first, last):
        if kind == INT64:
            payload += varint_bytes(load_u64(_get(feature, VALUES) + 8 * item))
        else:
            _, length = _item(feature, item)
            payload += 1 + varint_bytes(length) + length
    return payload


@njit(nogil=True, cache=True, inline="always")
def _write_entries(target: int, table: int, parts: int, row: int, payloads: int) -> None:
    """Write one row's entries; `payloads` is the address of the first part's, and the next is _TILE_ROWS further."""
    for index in range(parts):
        part = table + index * _DESCRIPTOR_BYTES
        form = _get(part, FORM)
        if form == TEXT:
            target = _write_text(target, part, row)
        elif form == RUN:
            target = _write_run(target, part, row)
        elif _get(part, ENTRY_BYTES):
            _copy_prepared(target, _get(part, HEAD), _get(part, HEAD_BYTES))
            target = _write_list(target + _get(part, HEAD_BYTES), part, row)
        elif not _lacks(part, row):
            target = _write_head(target, part, load_i64(payloads + 8 * _TILE_ROWS * index))
            target = _write_list(target, part, row)


@njit(nogil=True, cache=True, inline="always")
def _copy_prepared(target: int, source: int, count: int) -> None:
    """Copy prepared bytes in vectors of 64 bytes."""
    for index in range(0, count, 64):
        copy_64(target + index, source + index)


@njit(nogil=True, cache=True, inline="always")
def _write_run(target: int, run: int, row: int) -> Any:
    """Write a run of numbers; return the address after it."""
    _copy_prepared(target, _get(run, HEAD), _get(run, HEAD_BYTES))
    patch = _get(run, VALUES)
    for _ in range(_get(run, PER_ROW)):
        value, values, width = target + load_i64(patch), load_i64(patch + 8), load_i64(patch + 16)
        if width == FLOAT_PATCH:
            store_u32(value, load_u32(values + 4 * row))
        else:
            write_varint(value, load_u64(values + 8 * row))
        patch += _PATCH_BYTES
    return target + _get(run, HEAD_BYTES)


@njit(nogil=True, cache=True, inline="always")
def _write_text(target: int, feature: int, row: int) -> Any:
    """Write the entry of one string; return the address after it."""
    source, length = _item(feature, row)
    key = _get(feature, KEY_BYTES)
    entry = _short_entry(_get(feature, NAME_BYTES), 2 + length)
    if entry > _ONE_BYTE_MAX:
        target = _write_long_head(target, feature, 1 + varint_bytes(length) + length)
        store_u8(target, np.uint8(0x0A))
        target = write_varint(target + 1, length)
    else:
        _copy_prepared(target, _get(feature, HEAD), 2 + key)
        store_u8(target + 1, np.uint8(entry))
        store_u64(target + 2 + key, short_lengths(BYTES << 3 | 2, length))
        target += 7 + key
    copy_with_slack(target, source, length, _get(feature, END))
    return target + length


@njit(nogil=True, cache=True, inline="always")
def _write_head(target: int, feature: int, payload: int) -> Any:
    """Write an entry up to its list's items; a short entry has three lengths of one byte, which are patched in."""
    packed = _get(feature, KIND) != BYTES and payload > 0
    content, key = _list_bytes(_get(feature, KIND), payload), _get(feature, KEY_BYTES)
    entry = _short_entry(_get(feature, NAME_BYTES), content)
    if entry > _ONE_BYTE_MAX:
        target = _write_long_head(target, feature, content)
    else:
        _copy_prepared(target, _get(feature, HEAD), key + 5)
        store_u8(target + 1, np.uint8(entry))
        store_u8(target + 2 + key, np.uint8(2 + content))
        store_u8(target + 4 + key, np.uint8(content))
        target += 5 + key
    if packed:
        store_u8(target, np.uint8(0x0A))
        target = write_varint(target + 1, payload)
    return target


@njit(nogil=True, cache=True)
def _write_long_head(target: int, feature: int, content: int) -> Any:
    """Write an entry of any length up to its list."""
    store_u8(target, np.uint8(0x0A))
    target = write_varint(target + 1, _entry_bytes(_get(feature, NAME_BYTES), content))
    copy_bytes(target, _get(feature, KEY), _get(feature, KEY_BYTES))
    target = write_varint(target + _get(feature, KEY_BYTES), 1 + varint_bytes(content) + content)
    store_u8(target, np.uint8(_get(feature, KIND) << 3 | 2))
    return write_varint(target + 1, content)


@njit(nogil=True, cache=True, inline="always")
def _write_list(target: int, feature: int, row: int) -> Any:
    """Write a list's items; return the address after them."""
    first, last = _items(feature, row)
    if _get(feature, KIND) == FLOAT:
        source, count = _get(feature, VALUES) + 4 * first, 4 * (last - first)
        if count == 4:
            store_u32(target, load_u32(source))
        else:
            copy_with_slack(target, source, count, _get(feature, END))
        return target + count
    for item in range(first, last):
        if _get(feature, KIND) == INT64:
            target = write_varint(target, load_u64(_get(feature, VALUES) + 8 * item))
        else:
            source, length = _item(feature, item)
            store_u8(target, np.uint8(0x0A))
            target = write_varint(target + 1, length)
            copy_with_slack(target, source, length, _get(feature, END))
            target += length
    return target


@njit(nogil=True, cache=True)
def _frame_ends(bodies: Ints, end: int, room: int, ends: Ints) -> int:
    """Compute where framed records end from the bytes of their bodies; return how many end within the room."""
    for row in range(len(ends)):
        end += 16 + 1 + varint_bytes(bodies[row]) + bodies[row]
        ends[row] = end
        if end > room:
            return row
    return len(ends)


@njit(nogil=True, cache=True, inline="always")
def _open_frame(frame: int, size: int, body: int) -> Any:
    """Write a frame's header and the Example's outer tag; return the address of the first entry."""
    store_u64(frame, np.uint64(size - 16))
    store_u32(frame + 8, mask_crc(compute_word_crc(frame)))
    store_u8(frame + 12, np.uint8(0x0A))
    return write_varint(frame + 13, body)


@njit(nogil=True, cache=True)
def _close_frames(out: int, begin: int, ends: Ints) -> None:
    """Write the checksums after the records."""
    begins = np.empty(len(ends), np.int64)
    begins[0], begins[1:] = begin, ends[:-1]
    for row in range(0, len(ends), 4):
        crcs = frame_crcs(out, begins, ends, row)
        for index in range(min(4, len(ends) - row)):
            store_u32(out + ends[row + index] - 4, mask_crc(crcs[index]))
