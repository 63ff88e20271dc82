"""Columns to framed records of the fixed layout."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError, did_you_mean
from firelib.tfrecord.fixed_kernel import CODES, COPY, fill
from firelib.tfrecord.framing import FOOTER_BYTES, HEADER_BYTES, header, unframed
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

    Raises:
        FirelibError: See `row_count`; or an integer does not fit the width that its range gives it.
    """
    encoder = FixedEncoder(columns, layout)
    return unframed(encoder.frames(0, encoder.rows), layout.record_bytes)


class FixedEncoder:
    """Framed records of some columns, any range of rows at a time.

    Attributes:
        rows: Rows of the columns.
    """

    def __init__(self, columns: Columns, layout: FixedLayout) -> None:
        self.rows = row_count(columns, layout)
        self._record_bytes = layout.record_bytes
        # Held here, since the kernel sees addresses only.
        self._sources = [_source(columns[slot.feature.name], slot) for slot in layout.slots]
        entries = [_entry(slot, source) for slot, source in zip(layout.slots, self._sources, strict=True)]
        self._slots = np.array(entries, np.int64)
        frame = header(layout.record_bytes) + layout.template + bytes(FOOTER_BYTES)
        self._template = np.frombuffer(frame, np.uint8)

    def frames(self, start: int, stop: int) -> Records:
        """Rows `start` to `stop`, ready to be written: uint8 [stop - start, 12 + record_bytes + 4]."""
        return self._fill(self._blank(stop - start), start)

    def blocks(self, block_bytes: int) -> Iterator[tuple[Records, npt.NDArray[np.int64]]]:
        """All rows, in blocks of about a size: bytes, and where each record ends; valid until the next is asked for."""
        step = max(1, block_bytes // self._template.size)
        # One block for all: what does not change from row to row is written once.
        block = self._blank(min(step, self.rows))
        ends = np.arange(1, len(block) + 1) * self._template.size
        for start in range(0, self.rows, step):
            part = self._fill(block[: self.rows - start], start)
            yield part.reshape(-1), ends[: len(part)]

    def _blank(self, rows: int) -> Records:
        return np.tile(self._template, (rows, 1))

    def _fill(self, block: Records, start: int) -> Records:
        fill(block.ctypes.data, self._record_bytes, self._slots, start, len(block))
        return block


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
