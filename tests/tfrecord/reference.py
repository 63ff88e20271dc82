"""The fixed layout written plainly in NumPy and Python: the compiled kernels must produce the same bytes."""

import struct

import crc32c
import numpy as np

from firelib.tfrecord.format.fixed_decoder import Batch, decode_rows
from firelib.tfrecord.format.fixed_encoder import FixedEncoder
from firelib.tfrecord.format.fixed_layout import Columns, FixedLayout, RecordField, numpy_dtype
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES, framed_bytes


def frames(columns: Columns, layout: FixedLayout) -> bytes:
    """Framed records, without the kernels."""
    rows = len(next(iter(columns.values())))
    records = np.tile(np.frombuffer(layout.template, np.uint8), (rows, 1))
    for field in layout.fields:
        records[:, field.offset : field.offset + field.width] = _to_bytes(columns[field.feature.name], field)
    return b"".join(_frame(record.tobytes()) for record in records)


def frame_records(records: np.ndarray) -> np.ndarray:
    """Frame records of one length, without the kernels: uint8 [rows, n] → [rows, 12 + n + 4]."""
    framed = b"".join(_frame(record.tobytes()) for record in records)
    return np.frombuffer(framed, np.uint8).reshape(len(records), framed_bytes(records.shape[1])).copy()


def strip_framing(block: np.ndarray, record_bytes: int) -> np.ndarray:
    """The records inside framed bytes, as a view: uint8 [rows, record_bytes]."""
    return block.reshape(-1, framed_bytes(record_bytes))[:, HEADER_BYTES:-FOOTER_BYTES]


def encode(columns: Columns, layout: FixedLayout) -> np.ndarray:
    """Serialised Examples of firelib's encoder, without framing: uint8 [rows, record_bytes]."""
    blocks = [block.copy() for block, _ in FixedEncoder(layout, 1 << 20).blocks(columns)]
    return strip_framing(np.concatenate([np.empty(0, np.uint8), *blocks]), layout.record_bytes)


def decode(records: np.ndarray, layout: FixedLayout) -> Batch:
    """The columns of serialised Examples, by firelib's decoder."""
    return decode_rows(frame_records(records).ravel(), np.arange(len(records))[None], layout, {})


def _to_bytes(column: np.ndarray, field: RecordField) -> np.ndarray:
    if field.kind == "int64":
        return _to_varints(column.reshape(len(column), field.items), field.item_bytes)
    values = np.ascontiguousarray(column, numpy_dtype(field.feature))
    return values.reshape(len(column), field.items).view(np.uint8).reshape(len(column), field.width)


def _to_varints(values: np.ndarray, width: int) -> np.ndarray:
    bits = values.astype(np.int64).view(np.uint64)[..., None]
    groups = (bits >> np.arange(0, 7 * width, 7, dtype=np.uint64)).astype(np.uint8) & np.uint8(0x7F)
    groups[..., :-1] |= 0x80
    return groups.reshape(len(values), values.shape[1] * width)


def _frame(record: bytes) -> bytes:
    size = struct.pack("<Q", len(record))
    return size + _masked(size) + record + _masked(record)


def _masked(data: bytes) -> bytes:
    crc = crc32c.crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
