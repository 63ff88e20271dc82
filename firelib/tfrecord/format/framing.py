"""TFRecord framing: length, masked CRC of the length, data, masked CRC of the data (all little-endian).

Format: https://www.tensorflow.org/tutorials/load_data/tfrecord and tensorflow/core/lib/io/record_writer.h.
"""

import struct

import crc32c
import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError

HEADER_BYTES = 12
FOOTER_BYTES = 4
_MASK_DELTA = 0xA282EAD8
_REMEDY = "restore the file (dvc checkout), or write it again (firelib transform)"


def masked_crc(data: bytes | memoryview) -> int:
    """CRC-32C, rotated and offset, so that a CRC over data that holds CRCs stays strong."""
    crc = crc32c.crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def header(length: int) -> bytes:
    """The twelve bytes before a record of this length."""
    size = struct.pack("<Q", length)
    return size + struct.pack("<I", masked_crc(size))


def framed(records: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Frame records of one length.

    Args:
        records: uint8 [rows, record_bytes].

    Returns:
        uint8 [rows, 12 + record_bytes + 4], ready to be written.
    """
    rows, length = records.shape
    out = np.empty((rows, HEADER_BYTES + length + FOOTER_BYTES), np.uint8)
    out[:, :HEADER_BYTES] = np.frombuffer(header(length), np.uint8)
    out[:, HEADER_BYTES:-FOOTER_BYTES] = records
    out[:, -FOOTER_BYTES:] = _checksums(records)
    return out


def unframed(block: npt.NDArray[np.uint8], record_bytes: int) -> npt.NDArray[np.uint8]:
    """The records inside framed bytes, as a view: uint8 [rows, record_bytes]."""
    return block.reshape(-1, framed_bytes(record_bytes))[:, HEADER_BYTES:-FOOTER_BYTES]


def framed_bytes(record_bytes: int) -> int:
    """Bytes that one record takes in a file."""
    return HEADER_BYTES + record_bytes + FOOTER_BYTES


def verify(block: npt.NDArray[np.uint8], record_bytes: int, where: str, first: int = 0) -> None:
    """Check every length and CRC of framed records of one length.

    Args:
        block: Framed records, contiguous.
        record_bytes: That length, without framing.
        where: Said in the error.
        first: Number of the block's first record.

    Raises:
        FirelibError: Names the first record that is damaged.
    """
    whole, rest = divmod(block.size, framed_bytes(record_bytes))
    if rest:
        raise FirelibError(
            f"record {first + whole} is cut short: {rest} bytes of it are there", where=where, remedy=_REMEDY
        )
    from firelib.tfrecord.kernels.crc32c import first_damaged

    size_crc = masked_crc(struct.pack("<Q", record_bytes))
    damaged = first_damaged(block.ctypes.data, framed_bytes(record_bytes), whole, record_bytes, size_crc)
    if damaged >= 0:
        raise FirelibError(f"record {first + damaged} is damaged: its CRC does not match", where=where, remedy=_REMEDY)


def _checksums(records: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Masked CRC of each row: uint8 [rows, 4]."""
    from firelib.tfrecord.kernels.crc32c import masked_crcs  # compiled; reading without verifying does without it

    rows = np.ascontiguousarray(records)
    crcs = np.empty(len(rows), "<u4")
    masked_crcs(rows.ctypes.data, rows.shape[1], rows.shape[1], crcs)
    return crcs.view(np.uint8).reshape(-1, 4)
