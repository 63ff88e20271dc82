"""IDX files, the format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/), plain or gzipped.

Two NUL bytes, a code of the type, the number of dimensions, each dimension as a big-endian uint32, and then the
values, big-endian, the last dimension fastest.
"""

import gzip
import re
import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from firelib.errors import FirelibError

_NAME = re.compile(r"[-.]idx\d*(-\w+)?(\.gz)?$")  # train-images-idx3-ubyte.gz, rows.idx
_GZIP = b"\x1f\x8b"
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(path: Path) -> bool:
    """Whether a file's name says that it is IDX."""
    return _NAME.search(path.name) is not None


def read_idx(path: Path, where: str) -> pa.Table:
    """An IDX file as a table with one row for each step of the first dimension.

    Args:
        path: The file.
        where: What to call it in errors.

    Returns:
        `row`: int64, counted from 0. `value`: with one dimension the number (uint8 as int16: Delta has no unsigned
        integers); with more, the bytes of the row's array, little-endian, as the manifest's arrays of bytes are.

    Raises:
        FirelibError: It is not IDX, is damaged, or is shorter or longer than its header says.
    """
    content = _content(path, where)
    kind, shape, start = _header(content, where)
    expected = prod(shape) * kind.itemsize
    if len(content) - start != expected:
        size = "×".join(map(str, shape))
        raise FirelibError(
            f"it holds {len(content) - start:,} bytes of values, its header ({size} {kind.newbyteorder('=')}) says "
            f"{expected:,}",
            where=where,
            remedy="the file is cut or was changed: fetch it again",
        )
    values = np.frombuffer(content, kind, offset=start).astype(kind.newbyteorder("<"), copy=False)
    column = _arrays(values, shape) if len(shape) > 1 else _numbers(values)
    return pa.table({"row": pa.array(np.arange(shape[0], dtype=np.int64)), "value": column})


def _content(path: Path, where: str) -> bytes:
    content = path.read_bytes()
    if not content.startswith(_GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise FirelibError(f"the gzip file is damaged: {error}", where=where, remedy="fetch it again") from None


def _header(content: bytes, where: str) -> tuple[np.dtype[np.generic], tuple[int, ...], int]:
    """Type, shape, and where the values begin."""
    magic = content[:4]
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not magic[3]:
        raise FirelibError(
            f"it begins with the bytes {magic.hex(' ') or '(none)'}, which is not IDX",
            where=where,
            remedy=f"00 00, a type ({', '.join(f'{code:02x}' for code in _TYPES)}) and 1 or more dimensions come first",
        )
    start = 4 + 4 * magic[3]
    if len(content) < start:
        raise FirelibError(
            f"it ends inside its header of {start} bytes, after {len(content)}", where=where, remedy="fetch it again"
        )
    shape = struct.unpack(f">{magic[3]}I", content[4:start])
    if 0 in shape[1:]:
        raise FirelibError(f"its arrays have shape {shape[1:]}, which holds nothing", where=where, remedy="check it")
    return np.dtype(_TYPES[magic[2]]), shape, start


def _numbers(values: npt.NDArray[np.generic]) -> pa.Array:
    return pa.array(values.astype(np.int16) if values.dtype == np.uint8 else values)


def _arrays(values: npt.NDArray[np.generic], shape: tuple[int, ...]) -> pa.Array:
    """One binary a row."""
    size = prod(shape[1:]) * values.dtype.itemsize
    fixed = pa.Array.from_buffers(pa.binary(size), shape[0], [None, pa.py_buffer(values.tobytes())])
    return fixed.cast(pa.large_binary())  # 2 GiB and more fit
