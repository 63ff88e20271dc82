"""TFRecord framing: length, masked CRC of the length, data, masked CRC of the data (all little-endian).

Format: `RecordWriter` in tensorflow/core/lib/io/record_writer.h. Mask: `crc32c::Mask` in
tensorflow/core/lib/hash/crc32c.h.
"""

import struct

import crc32c
import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError

#: Bytes before and after each record: `kHeaderSize` and `kFooterSize` of record_writer.h.
HEADER_BYTES = 12
FOOTER_BYTES = 4
_MASK_DELTA = 0xA282EAD8  # `kMaskDelta` of crc32c.h
_REMEDY = "restore the file (dvc checkout), or write it again (firelib transform)"


def masked_crc(data: bytes | memoryview) -> int:
    """Compute the masked CRC-32C of some bytes.

    The CRC is rotated and offset, because a CRC of data that contains CRCs detects fewer errors (see crc32c.h).
    """
    crc = crc32c.crc32c(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def frame_header(length: int) -> bytes:
    """The twelve bytes before a record of `length` bytes."""
    size = struct.pack("<Q", length)
    return size + struct.pack("<I", masked_crc(size))


def framed_bytes(record_bytes: int) -> int:
    """Bytes that a record of `record_bytes` occupies in a file."""
    return HEADER_BYTES + record_bytes + FOOTER_BYTES


def verify_frames(block: npt.NDArray[np.uint8], record_bytes: int, where: str, first: int = 0) -> None:
    """Check the length and the CRC of every record in a block of framed records of one length.

    Args:
        block: Framed records, contiguous uint8.
        record_bytes: Length of each record, without framing.
        where: The file to name in an error.
        first: Index in the file of the block's first record.

    Raises:
        FirelibError: A record is damaged or truncated; the error names the first one.
    """
    whole, rest = divmod(block.size, framed_bytes(record_bytes))
    if rest:
        raise FirelibError(
            f"record {first + whole} is truncated: expected {framed_bytes(record_bytes)} bytes, got {rest} bytes",
            where=where,
            remedy=_REMEDY,
        )
    from firelib.tfrecord.kernels.crc32c import find_damaged_fixed  # loads Numba, which other callers do not need

    size_crc = masked_crc(struct.pack("<Q", record_bytes))
    damaged = find_damaged_fixed(block.ctypes.data, framed_bytes(record_bytes), whole, record_bytes, size_crc)
    if damaged >= 0:
        raise FirelibError(f"record {first + damaged} is damaged: its CRC does not match", where=where, remedy=_REMEDY)
