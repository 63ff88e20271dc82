"""IDX files as their format describes them, for tests."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx_bytes(array: npt.NDArray[Any]) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[array.dtype.name], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def images(rows: int, seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Pictures [rows, 28, 28] that are easy to tell apart, and their labels: the row of blocks that is bright."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, rows).astype(np.uint8)
    pictures = random.integers(0, 60, (rows, 28, 28)).astype(np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        picture[2 * label + 4 : 2 * label + 6] += 180
    return pictures, labels
