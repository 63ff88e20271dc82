"""Records of the fixed layout back to columns."""

from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.format.fixed_layout import FixedLayout, Slot, numpy_dtype
from firelib.tfrecord.format.framing import HEADER_BYTES, framed_bytes
from firelib.tfrecord.kernels.fixed import CODES, COPY, SOURCE
from firelib.tfrecord.kernels.gather import gather

#: Feature name -> NumPy array [rows, *shape], or an Arrow array for a feature without a fixed size.
Batch = dict[str, Any]


def decode(records: npt.NDArray[np.uint8], layout: FixedLayout) -> Batch:
    """The columns of records of this layout; the inverse of `firelib.tfrecord.format.fixed_encoder.encode`.

    Args:
        records: uint8 [rows, record_bytes].
        layout: The dataset's layout.
    """
    records = np.ascontiguousarray(records)
    columns = {slot.feature.name: _column(slot, (1, len(records))) for slot in layout.slots}
    _gather(records.ctypes.data, layout.record_bytes, np.arange(len(records))[None], layout, columns)
    return {name: column[0] for name, column in columns.items()}


def take(frames: npt.NDArray[np.uint8], index: npt.NDArray[np.int64], layout: FixedLayout, out: Batch) -> Batch:
    """The columns of some framed records.

    Args:
        frames: uint8, contiguous: framed records, one behind the other.
        index: Which of them, in the order wanted: [batches, rows]; in range, since compiled code does not check.
        layout: The dataset's layout.
        out: Columns to fill: arrays [batches, rows, *shape], contiguous within a batch.

    Returns:
        The columns that `out` lacks, flat: [batches × rows, *shape].
    """
    made = {slot.feature.name: _column(slot, index.shape) for slot in layout.slots if slot.feature.name not in out}
    _gather(frames.ctypes.data + HEADER_BYTES, framed_bytes(layout.record_bytes), index, layout, {**out, **made})
    return {name: column.reshape(-1, *column.shape[2:]) for name, column in made.items()}


def _column(slot: Slot, rows: tuple[int, ...]) -> npt.NDArray[np.generic]:
    return np.empty((*rows, *slot.feature.shape), numpy_dtype(slot.feature))


def _gather(address: int, stride: int, index: npt.NDArray[np.int64], layout: FixedLayout, columns: Batch) -> None:
    slots = np.empty((len(layout.slots), 6), np.int64)
    slots[:, :SOURCE] = layout.places
    for place, slot in enumerate(layout.slots):
        column = columns[slot.feature.name]
        slots[place, SOURCE:] = column.__array_interface__["data"][0], _code(slot, column), column.strides[0]
    gather(address, stride, np.ascontiguousarray(index), slots)


def _code(slot: Slot, column: npt.NDArray[np.generic]) -> int:
    return CODES[column.dtype.str[1:]] if slot.kind == "int64" else COPY
