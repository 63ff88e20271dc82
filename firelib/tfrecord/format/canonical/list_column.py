"""One feature's values in the form that the kernel of the canonical layout takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import numpy.typing as npt

from firelib.tfrecord.format.canonical.entry import entry_head, entry_key
from firelib.tfrecord.format.protobuf_wire import encode_varint
from firelib.tfrecord.kernels import canonical as kernel
from firelib.tfrecord.kernels.raw_memory import SLACK

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ListColumn:
    """One feature's values for all rows, as lists of tf.train.Feature.

    Attributes:
        name: The feature's name in UTF-8.
        kind: BYTES, FLOAT or INT64.
        rows: Number of rows.
        values: The items of all rows: float32, int64, or bytes.
        per_row: Items of a row, if all rows have the same number.
        items: Otherwise, int64 [rows + 1]: the index of each row's first item, and the end of the last row.
        width: Bytes from one item to the next (BYTES), if items are evenly spaced.
        starts: Otherwise, int64 or int32 [items + 1]: the offset of each item in `values`, and the end of the last.
        lengths: int64 [items]: bytes of each item (BYTES), if items are padded to `width`.
        present: bool [rows]: whether a row has the feature; None if all rows have it.
    """

    name: bytes
    kind: int
    rows: int
    values: npt.NDArray[np.generic]
    per_row: int = 1
    items: Ints | None = None
    width: int = 0
    starts: Ints | npt.NDArray[np.int32] | None = None
    lengths: Ints | None = None
    present: npt.NDArray[np.bool_] | None = None

    @cached_property
    def payload(self) -> int | None:
        """Bytes of a row's items, if they are the same in all rows."""
        if self.items is not None or self.present is not None:
            return None
        if self.kind == kernel.FLOAT:
            return 4 * self.per_row
        if self.kind == kernel.INT64:
            width = _varint_width(self.values)
            return width and width * self.per_row
        if self.starts is not None or self.lengths is not None:
            return None
        return self.per_row * (1 + len(encode_varint(self.width)) + self.width)

    @property
    def patch(self) -> tuple[int, int, int] | None:
        """The patch of a number in a run, with the offset in the feature's own entry; None if it cannot be in a run."""
        if self.kind == kernel.BYTES or self.per_row != 1 or self.payload is None:
            return None
        width = kernel.FLOAT_PATCH if self.kind == kernel.FLOAT else self.payload
        return len(self.head), self.values.ctypes.data, width

    @cached_property
    def head(self) -> bytes:
        """The bytes of an entry before its list; the lengths are final if they are the same in all rows."""
        return entry_head(self.name, self.kind, self.payload or 0)

    def descriptor(self) -> Ints:
        """The feature's row in the table that the kernel takes; its addresses are valid while this object exists."""
        row = np.zeros(kernel.COLUMNS, np.int64)
        is_text = self.starts is not None and self.items is None and self.present is None
        row[kernel.FORM] = kernel.TEXT if is_text else kernel.LIST
        row[kernel.KIND], row[kernel.PER_ROW], row[kernel.WIDTH] = self.kind, self.per_row, self.width
        row[kernel.KEY_BYTES], row[kernel.NAME_BYTES] = len(self._key), len(self.name)
        row[kernel.END] = self.values.ctypes.data + self.values.nbytes
        row[kernel.HEAD_BYTES] = len(self.head)
        row[kernel.ENTRY_BYTES] = 0 if self.payload is None else len(self.head) + self.payload
        row[kernel.NARROW] = self.starts is not None and self.starts.itemsize == 4
        arrays = {
            kernel.VALUES: self.values,
            kernel.ITEMS: self.items,
            kernel.STARTS: self.starts,
            kernel.LENGTHS: self.lengths,
            kernel.PRESENT: self.present,
            kernel.KEY: self._key,
            kernel.HEAD: self._padded_head,
        }
        for column, array in arrays.items():
            row[column] = 0 if array is None else array.ctypes.data
        return row

    @cached_property
    def _key(self) -> npt.NDArray[np.uint8]:
        return np.frombuffer(entry_key(self.name), np.uint8)

    @cached_property
    def _padded_head(self) -> npt.NDArray[np.uint8]:
        return _pad(self.head)


class Run:
    """Consecutive numbers whose entries have the same length in all rows.

    Args:
        columns: The numbers; each has a patch.
    """

    def __init__(self, columns: Sequence[ListColumn]) -> None:
        self._columns, patches, piece = columns, [], b""
        for column in columns:
            assert column.patch is not None
            assert column.payload is not None
            offset, values, width = column.patch
            patches.append((len(piece) + offset, values, width))
            piece += column.head + bytes(column.payload)
        self._patches, self._piece, self._bytes = np.array(patches, np.int64), _pad(piece), len(piece)

    def descriptor(self) -> Ints:
        """Like `ListColumn.descriptor`."""
        row = np.zeros(kernel.COLUMNS, np.int64)
        row[kernel.FORM], row[kernel.PER_ROW] = kernel.RUN, len(self._patches)
        row[kernel.VALUES], row[kernel.HEAD] = self._patches.ctypes.data, self._piece.ctypes.data
        row[kernel.HEAD_BYTES] = row[kernel.ENTRY_BYTES] = self._bytes
        return row


def group_runs(columns: Sequence[ListColumn]) -> list[ListColumn | Run]:
    """The parts of a record: its features in order, with consecutive numbers as runs."""
    parts: list[ListColumn | Run] = []
    for in_run, group in groupby(columns, lambda column: column.patch is not None):
        features = list(group)
        parts += [Run(features)] if in_run else features
    return parts


def _varint_width(values: npt.NDArray[np.generic]) -> int | None:
    """Bytes of the varint of each integer, if they are the same for all."""
    if not values.size:
        return None
    low, high = int(values.min()), int(values.max())
    widths = {len(encode_varint(each % (1 << 64))) for each in (low, high)}
    return widths.pop() if len(widths) == 1 and (low < 0) == (high < 0) else None


def _pad(content: bytes) -> npt.NDArray[np.uint8]:
    """Bytes with others after them, since the kernel copies whole vectors."""
    return np.frombuffer(content + bytes(SLACK), np.uint8)
