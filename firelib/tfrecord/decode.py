"""Records of the fixed layout back to columns."""

from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.fixed_kernel import CODES, COPY
from firelib.tfrecord.framing import HEADER_BYTES, framed_bytes
from firelib.tfrecord.gather_kernel import gather
from firelib.tfrecord.layout import FixedLayout, numpy_dtype

#: Feature name -> NumPy array [rows, *shape], or an Arrow array for a feature without a fixed size.
Batch = dict[str, Any]


def decode(records: npt.NDArray[np.uint8], layout: FixedLayout) -> Batch:
    """The columns of records of this layout; the inverse of `firelib.tfrecord.encode.encode`.

    Args:
        records: uint8 [rows, record_bytes].
        layout: The dataset's layout.
    """
    records = np.ascontiguousarray(records)
    return _gathered(records.ctypes.data, layout.record_bytes, np.arange(len(records)), layout)


def take(frames: npt.NDArray[np.uint8], index: npt.NDArray[np.int64], layout: FixedLayout) -> Batch:
    """The columns of some framed records, in the order of `index`.

    Args:
        frames: uint8, contiguous: framed records, one behind the other.
        index: Which of them; in range, since compiled code does not check.
        layout: The dataset's layout.
    """
    return _gathered(frames.ctypes.data + HEADER_BYTES, framed_bytes(layout.record_bytes), index, layout)


def _gathered(address: int, stride: int, index: npt.NDArray[np.int64], layout: FixedLayout) -> Batch:
    columns: Batch = {}
    slots = np.empty((len(layout.slots), 5), np.int64)
    for place, slot in enumerate(layout.slots):
        dtype = numpy_dtype(slot.feature)
        column = np.empty((len(index), *slot.feature.shape), dtype)
        code = CODES[dtype.str[1:]] if slot.kind == "int64" else COPY
        slots[place] = slot.offset, slot.item_bytes, slot.items, column.ctypes.data, code
        columns[slot.feature.name] = column
    gather(address, stride, index, slots)
    return columns
