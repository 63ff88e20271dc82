"""Strings as one serialised TensorProto, which `tf.io.parse_tensor` takes apart without a Python object for each.

Format: tensorflow/core/framework/tensor.proto; the content of a tensor of strings is the varints of all lengths, then
all bytes (`EncodeStringList` in tensorflow/core/platform/tensor_coding.h).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.tfrecord.format.protobuf_wire import sized, varint
from firelib.tfrecord.kernels.strings import put_lengths, strip_strings

Ints = npt.NDArray[np.int64]

_DT_STRING = 7
# Tags of the fields of TensorProto, TensorShapeProto and its Dim.
_DTYPE, _SHAPE, _CONTENT = b"\x08", b"\x12", b"\x22"
_DIM, _SIZE = b"\x12", b"\x08"


def string_tensor(columns: Sequence[Any], steps: int, rows: int, padded: int) -> bytes:
    """A tensor of strings.

    Args:
        columns: Each [steps × rows]: a NumPy array of fixed-length strings (trailing NULs are not theirs), or an Arrow
            array of large binaries (null is empty).
        steps: Batches.
        rows: Rows of each.
        padded: Rows that each shall have; the ones added are empty.

    Returns:
        A TensorProto of shape [steps, columns, padded].
    """
    pieces = [_bytes_and_ends(column) for column in columns]
    lengths = np.zeros((steps, len(columns), padded), np.int64)
    for place, (_, ends) in enumerate(pieces):
        lengths[:, place, :rows] = np.diff(ends).reshape(steps, rows)
    varints = np.empty(5 * lengths.size, np.uint8)
    used = put_lengths(varints.ctypes.data, lengths.reshape(-1))
    parts = [data[ends[step * rows] : ends[(step + 1) * rows]].data for step in range(steps) for data, ends in pieces]
    content = b"".join([varints[:used].data, *parts])
    shape = b"".join(_DIM + sized(_SIZE + varint(size)) for size in lengths.shape)
    return b"".join([_DTYPE, varint(_DT_STRING), _SHAPE, sized(shape), _CONTENT, varint(len(content)), content])


def _bytes_and_ends(column: Any) -> tuple[npt.NDArray[np.uint8], Ints]:
    """All bytes of a column, and where each string begins and the last ends."""
    if isinstance(column, pa.Array):
        _, ends, data = column.buffers()
        offsets = np.frombuffer(ends, np.int64)[column.offset : column.offset + len(column) + 1]
        return np.frombuffer(data or b"", np.uint8), offsets
    column = np.ascontiguousarray(column)
    data, offsets = np.empty(column.nbytes, np.uint8), np.zeros(len(column) + 1, np.int64)
    strip_strings(column.ctypes.data, column.dtype.itemsize, data.ctypes.data, offsets)
    return data, offsets
