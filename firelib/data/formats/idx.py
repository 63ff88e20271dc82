"""IDX files, the format of MNIST (http://yann.lecun.com/exdb/mnist/), plain or gzipped.

An IDX file consists of two NUL bytes, a type code, the number of dimensions, each dimension as a big-endian uint32,
and the values, big-endian, with the last dimension varying fastest.
"""

import gzip
import struct
import zlib
from contextlib import nullcontext
from math import prod
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.data.formats.format import Format, Head
from firelib.errors import FirelibError
from firelib.recipe import Source

_GZIP = b"\x1f\x8b"
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path, source: Source) -> pa.Table:
    """An IDX file as a table with one row for each index of the first dimension.

    Args:
        path: The file, plain or gzipped.
        source: Where the file comes from, for errors.

    Returns:
        `row`: int64, the index. `value`: for one dimension, the number (uint8 becomes int16, since Delta has no
        unsigned integers); for more, the bytes of the row's array, little-endian, like arrays of bytes in the
        manifest.

    Raises:
        FirelibError: The file is not IDX, is damaged, or its size differs from the size in its header.
    """
    where = f"source {source} ({path})"
    content = _read_content(path, where)
    dtype, shape, start = _parse_header(content, where)
    expected, got = prod(shape) * dtype.itemsize, len(content) - start
    if got != expected:
        size = "×".join(map(str, shape))
        raise FirelibError(
            f"expected {expected:,} bytes of values ({size} {dtype.newbyteorder('=')}, as the header says), "
            f"got {got:,}",
            where=where,
            remedy="the file is truncated or was changed: fetch it again",
        )
    return _to_table(np.frombuffer(content, dtype, offset=start), shape)


def read_idx_head(file: IO[bytes], name: str, source: Source, rows: int) -> Head:
    """The first rows of an IDX file.

    Args:
        file: The file.
        name: Its name, for errors.
        source: Where the file comes from, for errors.
        rows: Number of rows.

    Raises:
        FirelibError: The file is not IDX.
        OSError: The gzip data are damaged.
    """
    file.seek(0)
    packed = file.read(2) == _GZIP
    file.seek(0)
    with gzip.open(file) if packed else nullcontext(file) as unpacked:
        header = unpacked.read(4 + 4 * 255)  # a header has at most 255 dimensions
        dtype, shape, start = _parse_header(header, f"source {source} ({name})")
        total = shape[0]
        shape = (min(rows, total), *shape[1:])
        size = prod(shape) * dtype.itemsize
        content = header[start:] + unpacked.read(max(0, size - (len(header) - start)))
    row_bytes = prod(shape[1:]) * dtype.itemsize
    shape = (min(shape[0], len(content) // row_bytes), *shape[1:])
    return Head(_to_table(np.frombuffer(content, dtype, count=prod(shape)), shape), shape[0] == total)


def _to_table(raw: npt.NDArray[np.generic], shape: tuple[int, ...]) -> pa.Table:
    values = raw.astype(raw.dtype.newbyteorder("<"), copy=False)
    column = _arrays(values, shape) if len(shape) > 1 else _numbers(values)
    return pa.table({"row": pa.array(np.arange(shape[0], dtype=np.int64)), "value": column})


def _read_content(path: Path, where: str) -> bytes:
    content = path.read_bytes()
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise FirelibError(f"the gzip data are damaged: {error}", where=where, remedy="fetch the file again") from None


def _parse_header(content: bytes, where: str) -> tuple[np.dtype[np.generic], tuple[int, ...], int]:
    """Dtype, shape, and the offset of the values."""
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not magic[3]:
        types = ", ".join(f"{code:02x}" for code in _TYPES)
        raise FirelibError(
            f"expected an IDX header (00 00, a type code of {types}, 1 or more dimensions), "
            f"got the bytes {magic.hex(' ') or '(none)'}",
            where=where,
            remedy="check that the source is an IDX file",
        )
    start = 4 + 4 * magic[3]
    if len(content) < start:
        raise FirelibError(
            f"expected a header of {start} bytes, got {len(content)}", where=where, remedy="fetch the file again"
        )
    shape = struct.unpack(f">{magic[3]}I", content[4:start])
    if 0 in shape[1:]:
        raise FirelibError(f"the arrays have shape {shape[1:]}: they are empty", where=where, remedy="check the file")
    return np.dtype(_TYPES[magic[2]]), shape, start


def _numbers(values: npt.NDArray[np.generic]) -> pa.Array:
    return pa.array(values.astype(np.int16) if values.dtype == np.uint8 else values)


def _arrays(values: npt.NDArray[np.generic], shape: tuple[int, ...]) -> pa.Array:
    """One binary value for each row."""
    size = prod(shape[1:]) * values.dtype.itemsize
    fixed = pa.Array.from_buffers(pa.binary(size), shape[0], [None, pa.py_buffer(values.tobytes())])
    return fixed.cast(pa.large_binary())  # binary would limit a column to 2 GiB


# Names such as train-images-idx3-ubyte.gz and rows.idx. The magic covers the first two bytes: a type code follows.
IDX = Format(
    name="idx",
    read=read_idx,
    read_head=read_idx_head,
    names=r"[-.]idx\d*(-\w+)?",
    compressions=(".gz",),
    magic=b"\0\0",
)
