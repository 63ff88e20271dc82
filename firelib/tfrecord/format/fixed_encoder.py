"""Columns to framed records of the fixed layout."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError, did_you_mean
from firelib.tfrecord.format.fixed_layout import Columns, FixedLayout, Slot, numpy_dtype
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES, framed_bytes, header, unframed
from firelib.tfrecord.kernels.fixed import CODES, COPY, fill

_WIDEST_VARINT = 10  # bytes; holds every int64

Records = npt.NDArray[np.uint8]


def encode(columns: Columns, layout: FixedLayout) -> Records:
    """Serialised Examples.

    Args:
        columns: Feature name → array [rows, *shape] (see `firelib.tfrecord.format.arrow_columns`).
        layout: The dataset's layout.

    Returns:
        uint8 [rows, record_bytes].

    Raises:
        FirelibError: See `row_count`; or an integer does not fit the width that its range gives it.
    """
    rows = FixedRows(columns, layout)
    frames = blank_frames(layout, rows.count)
    rows.fill(frames, 0)
    return unframed(frames, layout.record_bytes)


class FixedEncoder:
    """Framed records of one layout, in blocks.

    Args:
        layout: The layout.
        block_bytes: About the size of a block.
    """

    def __init__(self, layout: FixedLayout, block_bytes: int) -> None:
        self._layout, self._frame = layout, framed_bytes(layout.record_bytes)
        self._step = max(1, block_bytes // self._frame)
        self._frames: list[Records] = []
        self._turn = 0

    def blocks(self, columns: Columns) -> Iterator[tuple[Records, npt.NDArray[np.int64]]]:
        """All rows: bytes, and where each record ends; a block is valid until the next but one is asked for."""
        rows = FixedRows(columns, self._layout)
        for start in range(0, rows.count, self._step):
            part = self._reused(min(self._step, rows.count - start))
            rows.fill(part, start)
            yield part.reshape(-1), np.arange(1, len(part) + 1) * self._frame

    def _reused(self, rows: int) -> Records:
        """Memory that holds the template already: what does not change from row to row is written once."""
        self._turn = 1 - self._turn
        if not self._frames or len(self._frames[0]) < rows:
            self._frames = [blank_frames(self._layout, rows) for _ in range(2)]
        return self._frames[self._turn][:rows]


class FixedRows:
    """Columns as the kernel takes them.

    Attributes:
        count: How many rows.
    """

    def __init__(self, columns: Columns, layout: FixedLayout) -> None:
        self.count = row_count(columns, layout)
        self._record_bytes = layout.record_bytes
        # Held here, since the kernel sees addresses only.
        self._sources = [_source(columns[slot.feature.name], slot) for slot in layout.slots]
        entries = [_entry(slot, source) for slot, source in zip(layout.slots, self._sources, strict=True)]
        self._slots = np.array(entries, np.int64)

    def fill(self, frames: Records, start: int) -> None:
        """Put values and checksums of rows from `start` on into frames (see `blank_frames`)."""
        fill(frames.ctypes.data, self._record_bytes, self._slots, start, len(frames))


def blank_frames(layout: FixedLayout, rows: int) -> Records:
    """Frames of records without values: uint8 [rows, 12 + record_bytes + 4]."""
    frame = header(layout.record_bytes) + layout.template + bytes(FOOTER_BYTES)
    return np.tile(np.frombuffer(frame, np.uint8), (rows, 1))


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


def _source(column: npt.NDArray[np.generic], slot: Slot) -> npt.NDArray[np.generic]:
    """The column as the kernel reads it: contiguous, little-endian."""
    if slot.kind != "int64":
        return np.ascontiguousarray(column, numpy_dtype(slot.feature))
    if column.dtype.str[1:] not in CODES:
        column = column.astype(numpy_dtype(slot.feature))
    check_width(column, slot)
    return np.ascontiguousarray(column, column.dtype.newbyteorder("<"))


def _entry(slot: Slot, source: npt.NDArray[np.generic]) -> tuple[int, ...]:
    code = CODES[source.dtype.str[1:]] if slot.kind == "int64" else COPY
    return (HEADER_BYTES + slot.offset, slot.item_bytes, slot.items, source.ctypes.data, code)
