"""CSV files as streams of blocks: a first pass finds the types that all values have, a second one converts."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.formats.csv import CsvReader
from firelib.data.formats.csv_input import CsvInput
from firelib.data.formats.declared_types import EXACT_FLOAT, INFERRED, has_wide_integer
from firelib.data.formats.lake_types import INFERRED_TYPE
from firelib.data.streams.csv_blocks import CsvBlock, read_blocks, read_known_blocks
from firelib.data.streams.file_stream import FileStream
from firelib.data.streams.read_ahead import T, Unit, read_in_order
from firelib.data.streams.row_stream import RowStream
from firelib.data.streams.type_scan import TypeScan, merge_scans
from firelib.recipe import Source

_GROWTH = 4  # memory of a block that is being read ÷ its text
_TIME = pa.time32("s")
_CHAIN = (*INFERRED[:3], _TIME, *INFERRED[3:], pa.string())  # as Arrow's reader tries them

Types = Mapping[str, pa.DataType]


def open_csv(path: Path, source: Source, columns: Collection[str]) -> FileStream | None:
    """A CSV file as a stream, with the types that `read_csv` would give the whole file.

    Args:
        path: The file.
        source: Declares dialect and types.
        columns: Columns of text that the recipe needs as they are written: what their values are is told.

    Returns:
        None if the file is empty, has comments, or repeats a name of a column.

    Raises:
        FirelibError: As for `read_csv`.
        pyarrow.ArrowInvalid: As for `read_csv`.
        OSError: As for `read_csv`.
    """
    file = _CsvFile(path, source)
    if file.names is None or len(set(file.names)) < len(file.names):
        return None
    facts = list(file.map(partial(_look_at, columns=columns)))
    kinds = _find_kinds(file, facts)
    schema = pa.schema([_field(file, name, kinds[name], facts) for name in file.names])
    rows = RowStream(schema, partial(file.units, partial(_convert, schema=schema)), path.stat().st_size)
    return FileStream(rows, merge_scans(each.texts for each in facts))


@dataclass(frozen=True)
class _Facts:
    """What a block says about types.

    Attributes:
        kinds: Column → type that Arrow infers for the values of the block.
        types: Column → type that decided instead.
        wide: Columns of numbers that a float may round.
        texts: Column → what its values would be.
    """

    kinds: Types
    types: Types
    wide: frozenset[str]
    texts: Mapping[str, TypeScan]


class _CsvFile:
    """A file that is read several times, block by block.

    Attributes:
        names: Names of its columns; None if it has no rows or cannot be cut.
    """

    def __init__(self, path: Path, source: Source) -> None:
        self._input = CsvInput(path, path.name, source)
        self.names: Sequence[str] | None = None
        self._sizes: list[int] = []  # of the blocks, once all were read
        first = None if self._input.dialect.comment else next(self._blocks(), None)
        if first is not None:
            self.names = CsvReader(first, None).read_inferred()[0].column_names

    def _blocks(self) -> Iterator[CsvBlock]:
        sizes = []
        with CsvReader(self._input, None).explain():
            blocks = read_known_blocks(self._input, self._sizes) if self._sizes else read_blocks(self._input)
            for index, content in enumerate(blocks):
                sizes.append(len(content))
                if not content.isspace() or content.strip(b"\r\n"):  # Arrow skips empty lines, but wants others
                    yield CsvBlock(self._input, content, self.names if index else None)
        self._sizes = sizes

    def units(self, read: Callable[[CsvReader], T]) -> Iterator[Unit[T]]:
        """Read all blocks once, in parallel."""
        for block in self._blocks():
            size = len(block.content)
            yield Unit(partial(_read, read, block), size * _GROWTH, size)

    def map(self, read: Callable[[CsvReader], T]) -> Iterator[T]:
        """What a function says about each block, in order."""
        return read_in_order(self.units(read))


def _read(read: Callable[[CsvReader], T], block: CsvBlock) -> Iterator[T]:
    yield read(CsvReader(block, None))


def _look_at(reader: CsvReader, columns: Collection[str]) -> _Facts:
    table, types = reader.read_inferred()
    texts = {column: TypeScan() for column in columns if column in table.column_names and _is_text(table, column)}
    for column, scan in texts.items():
        scan.add(table[column])
    wide = (name for name in set(table.column_names) - set(types) if _is_wide(table[name]))
    return _Facts(dict(zip(table.column_names, table.schema.types, strict=True)), types, frozenset(wide), texts)


def _convert(reader: CsvReader, schema: pa.Schema) -> pa.Table:
    with reader.explain():
        table = reader.read_with_types(dict(zip(schema.names, schema.types, strict=True)))
    return table.cast(schema)


def _find_kinds(file: _CsvFile, facts: Sequence[_Facts]) -> dict[str, pa.DataType]:
    """Column → the first type in Arrow's order that holds the values of all blocks."""
    found = {}
    for name in file.names or ():
        kinds = {each.kinds[name] for each in facts} - {pa.null()}
        if name in facts[0].types:  # times are read with their offsets if some have one
            found[name] = max(kinds or {facts[0].types[name]}, key=lambda kind: getattr(kind, "tz", None) is not None)
        elif len(kinds) <= 1:
            found[name] = kinds.pop() if kinds else pa.null()
        elif kinds <= {pa.int64(), pa.float64()}:
            found[name] = pa.float64()
        else:
            start = max(_CHAIN.index(kind) for kind in kinds)
            found[name] = next(kind for kind in _CHAIN[start:] if _holds_all(file, name, kind))
    return found


def _holds_all(file: _CsvFile, name: str, kind: pa.DataType) -> bool:
    if kind == pa.string():
        return True
    return all(file.map(lambda reader: _holds(reader, name, kind)))


def _holds(reader: CsvReader, name: str, kind: pa.DataType) -> bool:
    try:
        reader.read_with_types({name: kind}, [name])
    except pa.ArrowInvalid:
        return False
    return True


def _field(file: _CsvFile, name: str, kind: pa.DataType, facts: Sequence[_Facts]) -> pa.Field:
    """A column with its type: text if another type may change its values."""
    if name in facts[0].types:
        return pa.field(name, kind)
    if pa.types.is_time(kind):
        return pa.field(name, pa.string())
    is_wide = pa.types.is_floating(kind) and any(name in each.wide for each in facts)
    if is_wide and any(file.map(lambda reader: _has_wide_integer(reader, name))):
        return pa.field(name, pa.string(), metadata={INFERRED_TYPE: str(kind)})
    return pa.field(name, kind)


def _has_wide_integer(reader: CsvReader, name: str) -> bool:
    texts = reader.read_with_types({name: pa.string()}, [name])[name]
    return has_wide_integer(texts, reader.read_with_types({name: pa.float64()}, [name])[name])


def _is_wide(values: pa.ChunkedArray) -> bool:
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type)):
        return False
    return bool(pc.any(pc.greater_equal(pc.abs(values.cast(pa.float64(), safe=False)), EXACT_FLOAT)).as_py())


def _is_text(table: pa.Table, column: str) -> bool:
    kind = table.schema.field(column).type
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))
