"""Decode records of the fixed layout into columns."""

from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.format.fixed_layout import FixedLayout, RecordField, numpy_dtype
from firelib.tfrecord.format.framing import HEADER_BYTES, framed_bytes
from firelib.tfrecord.kernels.fixed import CODES, COPY, SOURCE
from firelib.tfrecord.kernels.gather import gather

#: Feature name → NumPy array [rows, *shape], or an Arrow array for a feature without a fixed size.
Batch = dict[str, Any]


def decode_rows(frames: npt.NDArray[np.uint8], index: npt.NDArray[np.int64], layout: FixedLayout, out: Batch) -> Batch:
    """Decode some framed records into columns.

    Args:
        frames: Framed records, contiguous uint8.
        index: Index of each record to decode, in output order: int64 [batches, rows]. The caller ensures that it is in
            range, since compiled code does not check it.
        layout: The dataset's layout.
        out: Columns to fill: arrays [batches, rows, *shape], contiguous within a batch.

    Returns:
        The columns that `out` lacks, flat: [batches × rows, *shape].
    """
    made = {field.feature.name: _empty(field, index.shape) for field in layout.fields if field.feature.name not in out}
    columns = {**out, **made}
    table = np.empty((len(layout.fields), 6), np.int64)
    table[:, :SOURCE] = layout.field_table
    for row, field in zip(table, layout.fields, strict=True):
        column = columns[field.feature.name]
        row[SOURCE:] = column.__array_interface__["data"][0], _code(field, column), column.strides[0]
    gather(frames.ctypes.data + HEADER_BYTES, framed_bytes(layout.record_bytes), np.ascontiguousarray(index), table)
    return {name: column.reshape(-1, *column.shape[2:]) for name, column in made.items()}


def _empty(field: RecordField, rows: tuple[int, ...]) -> npt.NDArray[np.generic]:
    return np.empty((*rows, *field.feature.shape), numpy_dtype(field.feature))


def _code(field: RecordField, column: npt.NDArray[np.generic]) -> int:
    return CODES[column.dtype.str[1:]] if field.kind == "int64" else COPY
