"""The buffers of a column whose chunks are concatenated, without the concatenation in memory.

Arrow's format (https://arrow.apache.org/docs/format/Columnar.html) has for each array, and for each array inside of it,
a bitmap of valid values, offsets, and values, as far as its type needs them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa

from firelib.data.parts.row_store import StoredRows
from firelib.data.sources.row_sets import plain_schema

Kind = Literal["valid", "offsets", "values"]


@dataclass
class Node:
    """An array of a column, or inside of one.

    Attributes:
        kind: Its type.
        path: Positions of the children from the column's array to this one.
        children: The arrays inside of it.
        length: Number of values of all chunks.
        null_count: Number of nulls of all chunks.
        total: Number of bytes of text, or of values of a list.
    """

    kind: pa.DataType
    path: tuple[int, ...] = ()
    children: list["Node"] = field(default_factory=list)
    length: int = 0
    null_count: int = 0
    total: int = 0

    @classmethod
    def of_type(cls, kind: pa.DataType, path: tuple[int, ...] = ()) -> "Node":
        """The node of a type, with those of the types inside of it."""
        return cls(kind, path, [cls.of_type(child, (*path, i)) for i, child in enumerate(_child_types(kind))])

    @property
    def is_large(self) -> bool:
        """Whether offsets have 64 bits."""
        return _is_any(self.kind, pa.types.is_large_string, pa.types.is_large_binary, pa.types.is_large_list)

    @property
    def has_offsets(self) -> bool:
        """Whether values have different sizes."""
        return _is_text(self.kind) or _is_list(self.kind)

    @property
    def offset_bytes(self) -> int:
        """Size of an offset."""
        return 8 if self.is_large else 4

    @property
    def nbytes(self) -> int:
        """Size of all buffers, each rounded up to 8 bytes."""
        return sum(-(-(nbytes or 0) // 8) * 8 for _, nbytes in self.buffers())

    def buffers(self) -> list[tuple[Kind, int | None]]:
        """What Arrow's format has for the type: kind and size of each buffer. None is an absent bitmap."""
        found: list[tuple[Kind, int | None]] = [("valid", (self.length + 7) // 8 if self.null_count else None)]
        if self.has_offsets:
            found.append(("offsets", (self.length + 1) * self.offset_bytes))
        if _is_text(self.kind):
            found.append(("values", self.total))
        elif not self.children:
            found.append(("values", (self.length * self.kind.bit_width + 7) // 8))
        return found

    def is_beyond(self, most: int) -> bool:
        """Whether offsets of 32 bits do not suffice."""
        return self.has_offsets and not self.is_large and self.total > most

    def walk(self) -> Iterator["Node"]:
        """The node and those inside of it, in the order of Arrow's format."""
        yield self
        for child in self.children:
            yield from child.walk()

    def add(self, array: pa.Array) -> None:
        """Count the values of a chunk, and of the arrays inside of it."""
        self.length += len(array)
        self.null_count += array.null_count
        if self.has_offsets:
            first, last = _value_range(array)
            self.total += last - first
        for index, child in enumerate(self.children):
            child.add(_child(array, index))


def measure_columns(rows: StoredRows) -> list[Node]:
    """The nodes of all columns, with the number of their values."""
    nodes = [Node.of_type(kind) for kind in plain_schema(rows.schema).types]
    for index, node in enumerate(nodes):
        for chunk in rows.read_column(index):
            node.add(chunk)
    return nodes


def read_buffer(rows: StoredRows, column: int, node: Node, kind: Kind) -> Iterator[bytes | memoryview]:
    """The content of a buffer, in pieces.

    Args:
        rows: The rows.
        column: Position of the column.
        node: The array.
        kind: The buffer.
    """
    chunks = (_descend(chunk, node.path) for chunk in rows.read_column(column))
    if kind == "offsets":
        yield from _read_offsets(chunks, node)
    elif kind == "valid":
        yield from _pack_bits(chunk.is_valid() for chunk in chunks)
    elif pa.types.is_boolean(node.kind):
        yield from _pack_bits(_as_written(chunk) for chunk in chunks)
    else:
        yield from (_value_bytes(chunk, node) for chunk in chunks)


def _read_offsets(chunks: Iterator[pa.Array], node: Node) -> Iterator[bytes]:
    kind = np.dtype("<i8" if node.is_large else "<i4")
    end = 0
    yield kind.type(0).tobytes()
    for chunk in chunks:
        offsets = _offsets(chunk).astype(np.int64)
        yield (offsets[1:] - offsets[0] + end).astype(kind).tobytes()
        end += int(offsets[-1] - offsets[0])


def _pack_bits(chunks: Iterator[pa.BooleanArray]) -> Iterator[bytes]:
    """Booleans as bits, of which chunks may begin inside of a byte."""
    rest = np.empty(0, bool)
    for chunk in chunks:
        bits = np.concatenate([rest, chunk.to_numpy(zero_copy_only=False)])
        whole = len(bits) // 8 * 8
        yield np.packbits(bits[:whole], bitorder="little").tobytes()
        rest = bits[whole:]
    yield np.packbits(rest, bitorder="little").tobytes()


def _as_written(chunk: pa.BooleanArray) -> pa.BooleanArray:
    """The bits of a chunk, also those of nulls."""
    return pa.BooleanArray.from_buffers(pa.bool_(), len(chunk), [None, chunk.buffers()[1]], 0, chunk.offset)


def _value_bytes(chunk: pa.Array, node: Node) -> bytes | memoryview:
    values = chunk.buffers()[2 if node.has_offsets else 1]
    if values is None:
        return b""
    if node.has_offsets:
        first, last = _value_range(chunk)
    else:
        width = node.kind.bit_width // 8
        first, last = chunk.offset * width, (chunk.offset + len(chunk)) * width
    return memoryview(values)[first:last]


def _offsets(array: pa.Array) -> np.ndarray:
    """The offsets of the values of an array, one more than values."""
    large = Node(array.type).is_large
    buffer = array.buffers()[1]
    if buffer is None or not buffer.size:  # an array without values may have none
        return np.zeros(1, np.int64)
    offsets = np.frombuffer(buffer, np.int64 if large else np.int32)
    return offsets[array.offset : array.offset + len(array) + 1]


def _value_range(array: pa.Array) -> tuple[int, int]:
    offsets = _offsets(array)
    return int(offsets[0]), int(offsets[-1])


def _descend(array: pa.Array, path: tuple[int, ...]) -> pa.Array:
    for index in path:
        array = _child(array, index)
    return array


def _child(array: pa.Array, index: int) -> pa.Array:
    if pa.types.is_struct(array.type):
        return array.field(index)
    first, last = _value_range(array)
    return array.values.slice(first, last - first)


def _child_types(kind: pa.DataType) -> list[pa.DataType]:
    if pa.types.is_map(kind):
        return [pa.struct([pa.field("key", kind.key_type, nullable=False), pa.field("value", kind.item_type)])]
    if _is_list(kind):
        return [kind.value_type]
    return [field.type for field in kind] if pa.types.is_struct(kind) else []


def _is_text(kind: pa.DataType) -> bool:
    return _is_any(kind, pa.types.is_string, pa.types.is_binary, pa.types.is_large_string, pa.types.is_large_binary)


def _is_list(kind: pa.DataType) -> bool:
    return _is_any(kind, pa.types.is_list, pa.types.is_large_list, pa.types.is_map)


def _is_any(kind: pa.DataType, *tests: object) -> bool:
    return any(test(kind) for test in tests)  # type: ignore[operator]
