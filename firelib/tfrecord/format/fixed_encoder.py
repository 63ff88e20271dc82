"""Encode columns as framed records of the fixed layout."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError, did_you_mean
from firelib.tfrecord.format.fixed_layout import Columns, FixedLayout, RecordField, numpy_dtype
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES, frame_header, framed_bytes
from firelib.tfrecord.kernels.fixed import CODES, COPY, fill

_WIDEST_VARINT = 10  # bytes; holds every int64

Frames = npt.NDArray[np.uint8]


class FixedEncoder:
    """Encodes columns as blocks of framed records of one layout.

    Args:
        layout: The layout.
        block_bytes: Approximate size of a block.
    """

    def __init__(self, layout: FixedLayout, block_bytes: int) -> None:
        self._layout, self._frame_bytes = layout, framed_bytes(layout.record_bytes)
        self._block_rows = max(1, block_bytes // self._frame_bytes)
        self._buffers: list[Frames] = []
        self._current = 0

    def blocks(self, columns: Columns) -> Iterator[tuple[Frames, npt.NDArray[np.int64]]]:
        """Encode all rows.

        Args:
            columns: Feature name → array [rows, *shape] (see `firelib.tfrecord.format.arrow_columns`).

        Yields:
            A block's bytes, and the offset in the block where each record ends. There are two buffers, so a block is
            valid until the block after the next one is requested.

        Raises:
            FirelibError: A column is missing, has another shape or length than declared, or holds an integer that does
                not fit the width that its range gives it.
        """
        rows = _RowSource(columns, self._layout)
        for start in range(0, rows.count, self._block_rows):
            frames = self._next_buffer(min(self._block_rows, rows.count - start))
            rows.fill(frames, start)
            yield frames.reshape(-1), np.arange(1, len(frames) + 1) * self._frame_bytes

    def _next_buffer(self, rows: int) -> Frames:
        """Frames that already contain the template: bytes that all rows share are written once per buffer."""
        self._current = 1 - self._current
        if not self._buffers or len(self._buffers[0]) < rows:
            self._buffers = [_blank_frames(self._layout, rows) for _ in range(2)]
        return self._buffers[self._current][:rows]


class _RowSource:
    """Validated columns in the form that the kernel takes.

    Attributes:
        count: Number of rows.
    """

    def __init__(self, columns: Columns, layout: FixedLayout) -> None:
        self.count = _count_rows(columns, layout)
        self._record_bytes = layout.record_bytes
        # The kernel sees addresses only, so this object keeps the arrays alive.
        self._arrays = [_kernel_array(columns[field.feature.name], field) for field in layout.fields]
        rows = [_table_row(field, array) for field, array in zip(layout.fields, self._arrays, strict=True)]
        self._fields = np.array(rows, np.int64)

    def fill(self, frames: Frames, start: int) -> None:
        """Write values and checksums of the rows from `start` on into frames (see `_blank_frames`)."""
        fill(frames.ctypes.data, self._record_bytes, self._fields, start, len(frames))


def _blank_frames(layout: FixedLayout, rows: int) -> Frames:
    """Frames of records whose values are zero: uint8 [rows, 12 + record_bytes + 4]."""
    frame = frame_header(layout.record_bytes) + layout.template + bytes(FOOTER_BYTES)
    return np.tile(np.frombuffer(frame, np.uint8), (rows, 1))


def _count_rows(columns: Columns, layout: FixedLayout) -> int:
    """Number of rows of columns that fit the layout.

    Raises:
        FirelibError: A column is missing, has another shape than declared, or another length than the others.
    """
    for field in layout.fields:
        name, shape = field.feature.name, field.feature.shape
        if name not in columns:
            raise FirelibError(
                f"missing column {name!r}", where=f"feature {name!r}", remedy=did_you_mean(name, columns)
            )
        found = columns[name].shape[1:]
        if found != shape:
            raise FirelibError(
                f"column {name!r}: expected values of shape {shape}, got {found}",
                where=f"feature {name!r}",
                remedy=f"reshape each value of the column to {shape}",
            )
    rows = {len(columns[field.feature.name]) for field in layout.fields}
    if len(rows) != 1:
        raise FirelibError(
            f"columns differ in length: {sorted(rows)}",
            where="the columns",
            remedy="give each feature one value per row",
        )
    return rows.pop()


def _check_width(column: npt.NDArray[np.generic], field: RecordField) -> None:
    """Refuse integers that the field's varints cannot hold: truncated, they would become other numbers."""
    if field.item_bytes == _WIDEST_VARINT or not column.size:
        return
    low, high = int(column.min()), int(column.max())
    if low < 0 or high >= 1 << 7 * field.item_bytes:
        raise FirelibError(
            f"{low if low < 0 else high} does not fit into the {field.item_bytes} bytes of its range",
            where=f"feature {field.feature.name!r}",
            remedy="widen the feature's range, or exclude the row in the recipe",
        )


def _kernel_array(column: npt.NDArray[np.generic], field: RecordField) -> npt.NDArray[np.generic]:
    """The column as the kernel reads it: contiguous and little-endian."""
    if field.kind != "int64":
        return np.ascontiguousarray(column, numpy_dtype(field.feature))
    if column.dtype.str[1:] not in CODES:
        column = column.astype(numpy_dtype(field.feature))
    _check_width(column, field)
    return np.ascontiguousarray(column, column.dtype.newbyteorder("<"))


def _table_row(field: RecordField, array: npt.NDArray[np.generic]) -> tuple[int, ...]:
    code = CODES[array.dtype.str[1:]] if field.kind == "int64" else COPY
    return (HEADER_BYTES + field.offset, field.item_bytes, field.items, array.ctypes.data, code)
