"""The fixed layout written plainly, a column at a time in NumPy: the compiled kernel has to give the same bytes."""

import struct

import crc32c
import numpy as np

from firelib.tfrecord.format.fixed_layout import Columns, FixedLayout, Slot, numpy_dtype


def frames(columns: Columns, layout: FixedLayout) -> bytes:
    rows = len(next(iter(columns.values())))
    records = np.tile(np.frombuffer(layout.template, np.uint8), (rows, 1))
    for slot in layout.slots:
        records[:, slot.offset : slot.offset + slot.width] = _to_bytes(columns[slot.feature.name], slot)
    return b"".join(_frame(record.tobytes()) for record in records)


def _to_bytes(column: np.ndarray, slot: Slot) -> np.ndarray:
    if slot.kind == "int64":
        return _to_varints(column.reshape(len(column), slot.items), slot.item_bytes)
    values = np.ascontiguousarray(column, numpy_dtype(slot.feature))
    return values.reshape(len(column), slot.items).view(np.uint8).reshape(len(column), slot.width)


def _to_varints(values: np.ndarray, width: int) -> np.ndarray:
    bits = values.astype(np.int64).view(np.uint64)[..., None]
    groups = (bits >> np.arange(0, 7 * width, 7, dtype=np.uint64)).astype(np.uint8) & np.uint8(0x7F)
    groups[..., :-1] |= 0x80
    return groups.reshape(len(values), values.shape[1] * width)


def _frame(record: bytes) -> bytes:
    size = struct.pack("<Q", len(record))
    return size + _masked(size) + record + _masked(record)


def _masked(data: bytes) -> bytes:
    crc = crc32c.crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
