"""Serialise strings as one TensorProto, which `tf.io.parse_tensor` parses without a Python object for each string.

Format: tensorflow/core/framework/tensor.proto. The content of a string tensor is the varints of all lengths, then all
bytes (`EncodeStringList` in tensorflow/core/platform/tensor_coding.h).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.tfrecord.format.protobuf_wire import encode_varint, length_prefixed
from firelib.tfrecord.kernels.strings import strip_strings, write_lengths

Ints = npt.NDArray[np.int64]
Scalar = npt.NDArray[np.object_]

_DT_STRING = 7
# Tags of the fields of TensorProto, TensorShapeProto and TensorShapeProto.Dim.
_DTYPE, _SHAPE, _CONTENT = b"\x08", b"\x12", b"\x22"
_DIM, _SIZE = b"\x12", b"\x08"


def string_tensor(columns: Sequence[Any], steps: int, rows: int, padded: int, by_column: bool = False) -> Scalar:
    """Serialise columns of strings as one TensorProto.

    Args:
        columns: Columns of [steps × rows] strings: NumPy arrays of fixed-length strings, whose trailing NULs are
            padding, or Arrow arrays of large binaries, where null is an empty string.
        steps: Number of batches.
        rows: Rows of each batch.
        padded: Rows of each batch in the tensor; added rows are empty strings.
        by_column: Whether columns come before steps.

    Returns:
        A serialised TensorProto of shape [steps, columns, padded], or [columns, steps, padded]: an array of one object,
        since NumPy copies bytes that are none.
    """
    pieces = [_bytes_and_offsets(column) for column in columns]
    lengths = np.zeros((len(columns), steps, padded), np.int64)
    for index, (_, offsets) in enumerate(pieces):
        lengths[index, :, :rows] = np.diff(offsets).reshape(steps, rows)
    if by_column:
        parts = [data[offsets[0] : offsets[-1]].data for data, offsets in pieces]
    else:
        lengths = lengths.swapaxes(0, 1)
        ends = [offsets[::rows] if rows else offsets[:1].repeat(steps + 1) for _, offsets in pieces]
        parts = [
            data[end[step] : end[step + 1]].data
            for step in range(steps)
            for (data, _), end in zip(pieces, ends, strict=True)
        ]
    return _scalar(_serialize(lengths, parts))


def _serialize(lengths: Ints, parts: Sequence[memoryview]) -> bytes:
    """A TensorProto of strings of these lengths, from their bytes."""
    varints = np.empty(5 * lengths.size, np.uint8)
    used = write_lengths(varints.ctypes.data, np.ascontiguousarray(lengths).reshape(-1))
    size = used + sum(part.nbytes for part in parts)
    shape = b"".join(_DIM + length_prefixed(_SIZE + encode_varint(size)) for size in lengths.shape)
    header = [_DTYPE, encode_varint(_DT_STRING), _SHAPE, length_prefixed(shape), _CONTENT, encode_varint(size)]
    return b"".join([*header, varints[:used].data, *parts])


def _scalar(content: bytes) -> Scalar:
    scalar = np.empty((), object)
    scalar[()] = content
    return scalar


def _bytes_and_offsets(column: Any) -> tuple[npt.NDArray[np.uint8], Ints]:
    """The bytes of all strings, and int64 [strings + 1]: the offset of each string and the end of the last."""
    if isinstance(column, pa.Array):
        _, ends, data = column.buffers()
        offsets = np.frombuffer(ends, np.int64)[column.offset : column.offset + len(column) + 1]
        return np.frombuffer(data or b"", np.uint8), offsets
    column = np.ascontiguousarray(column)
    data, offsets = np.empty(column.nbytes, np.uint8), np.zeros(len(column) + 1, np.int64)
    strip_strings(column.ctypes.data, column.dtype.itemsize, data.ctypes.data, offsets)
    return data, offsets
