"""Columns to records of the fixed layout and back, a column at a time."""

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError, did_you_mean
from firelib.tfrecord.layout import Columns, FixedLayout, Slot, numpy_dtype

_WIDEST_VARINT = 10  # bytes; holds every int64

Records = npt.NDArray[np.uint8]


def encode(columns: Columns, layout: FixedLayout) -> Records:
    """Serialised Examples.

    Args:
        columns: Feature name → array [rows, *shape] (see `firelib.tfrecord.columns`).
        layout: The dataset's layout.

    Returns:
        uint8 [rows, record_bytes].
    """
    records = np.tile(np.frombuffer(layout.template, np.uint8), (row_count(columns, layout), 1))
    for slot in layout.slots:
        records[:, slot.offset : slot.offset + slot.width] = _to_bytes(columns[slot.feature.name], slot)
    return records


def row_count(columns: Columns, layout: FixedLayout) -> int:
    """Rows of columns that fit the layout.

    Raises:
        FirelibError: A column is missing, has another shape than declared, or another length than the others.
    """
    for slot in layout.slots:
        name, shape = slot.feature.name, slot.feature.shape
        if name not in columns:
            raise FirelibError(f"there is no column {name!r}", remedy=did_you_mean(name, columns))
        if columns[name].shape[1:] != shape:
            found = columns[name].shape[1:]
            raise FirelibError(f"column {name!r} holds values of shape {found}, not {shape}", remedy="reshape it")
    rows = {len(columns[slot.feature.name]) for slot in layout.slots}
    if len(rows) != 1:
        raise FirelibError(f"columns differ in length: {sorted(rows)}", remedy="every feature needs one value a row")
    return rows.pop()


def decode(records: Records, layout: FixedLayout) -> dict[str, npt.NDArray[np.generic]]:
    """The columns of records of this layout; the inverse of `encode`.

    Args:
        records: uint8 [rows, record_bytes].
    """
    return {slot.feature.name: _from_bytes(records, slot) for slot in layout.slots}


def _to_bytes(column: npt.NDArray[np.generic], slot: Slot) -> Records:
    if slot.kind == "int64":
        check_width(column, slot)
        return _to_varints(column.reshape(len(column), slot.items), slot.item_bytes)
    values = np.ascontiguousarray(column, numpy_dtype(slot.feature))
    return values.reshape(len(column), slot.items).view(np.uint8).reshape(len(column), slot.width)


def _from_bytes(records: Records, slot: Slot) -> npt.NDArray[np.generic]:
    raw = np.ascontiguousarray(records[:, slot.offset : slot.offset + slot.width])
    shape = (len(records), *slot.feature.shape)
    dtype = numpy_dtype(slot.feature)
    if slot.kind == "int64":
        return _from_varints(raw, slot).astype(dtype).reshape(shape)
    return raw.view(dtype).reshape(shape)


def check_width(column: npt.NDArray[np.generic], slot: Slot) -> None:
    """Refuse integers that the slot's varints cannot hold: cut off, they would be other numbers."""
    if slot.item_bytes == _WIDEST_VARINT or not column.size:
        return
    low, high = int(column.min()), int(column.max())
    if low < 0 or high >= 1 << 7 * slot.item_bytes:
        raise FirelibError(
            f"{low if low < 0 else high} does not fit into the {slot.item_bytes} bytes of its range",
            where=f"feature {slot.feature.name!r}",
            remedy="widen the feature's range, or exclude the row",
        )


def _to_varints(values: npt.NDArray[np.generic], width: int) -> Records:
    """Integers [rows, items] as padded varints: uint8 [rows, items × width]."""
    bits = values.astype(np.int64).view(np.uint64)[..., None]
    groups: Records = (bits >> np.arange(0, 7 * width, 7, dtype=np.uint64)).astype(np.uint8) & np.uint8(0x7F)
    groups[..., :-1] |= 0x80  # "more follows" on all but the last
    return groups.reshape(len(values), values.shape[1] * width)


def _from_varints(raw: Records, slot: Slot) -> npt.NDArray[np.int64]:
    groups = raw.reshape(len(raw), slot.items, slot.item_bytes).astype(np.uint64) & np.uint64(0x7F)
    shifts = np.arange(0, 7 * slot.item_bytes, 7, dtype=np.uint64)
    values: npt.NDArray[np.uint64] = np.bitwise_or.reduce(groups << shifts, axis=-1)
    return values.view(np.int64)
