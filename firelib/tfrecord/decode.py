"""Records of the fixed layout back to columns, with NumPy alone."""

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.layout import FixedLayout, Slot, numpy_dtype

Records = npt.NDArray[np.uint8]


def decode(records: Records, layout: FixedLayout) -> dict[str, npt.NDArray[np.generic]]:
    """The columns of records of this layout; the inverse of `firelib.tfrecord.encode.encode`.

    Args:
        records: uint8 [rows, record_bytes].
        layout: The dataset's layout.
    """
    return {slot.feature.name: _from_bytes(records, slot) for slot in layout.slots}


def _from_bytes(records: Records, slot: Slot) -> npt.NDArray[np.generic]:
    raw = np.ascontiguousarray(records[:, slot.offset : slot.offset + slot.width])
    shape = (len(records), *slot.feature.shape)
    dtype = numpy_dtype(slot.feature)
    if slot.kind == "int64":
        return _from_varints(raw, slot).astype(dtype).reshape(shape)
    return raw.view(dtype).reshape(shape)


def _from_varints(raw: Records, slot: Slot) -> npt.NDArray[np.int64]:
    """Seven bits at a time, so that no temporary is wider than the result."""
    groups = raw.reshape(len(raw), slot.items, slot.item_bytes)
    values = np.zeros(groups.shape[:-1], np.uint64)
    for index in range(slot.item_bytes):
        values |= (groups[..., index] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * index)
    return values.view(np.int64)
