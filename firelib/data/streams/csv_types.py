"""The types of the columns of a CSV file: those that Arrow infers for each of its blocks, merged."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.formats.csv import CsvReader
from firelib.data.formats.declared_types import EXACT_FLOAT, INFERRED, has_wide_integer
from firelib.data.formats.lake_types import INFERRED_TYPE
from firelib.data.streams.csv_file import CsvFile
from firelib.data.streams.type_scan import TypeScan, merge_scans

_TIME = pa.time32("s")
_CHAIN = (*INFERRED[:3], _TIME, *INFERRED[3:], pa.string())  # as Arrow's reader tries them

Types = Mapping[str, pa.DataType]


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


def find_types(file: CsvFile, columns: Collection[str]) -> tuple[pa.Schema, dict[str, TypeScan]]:
    """The schema that `read_csv` would give the whole file.

    Args:
        file: The file.
        columns: Columns of text that the recipe needs as they are written.

    Returns:
        The schema; and column → what its values are.
    """
    facts = list(file.map(partial(_look_at, columns=columns)))
    kinds = _find_kinds(file, facts)
    return pa.schema(_make_fields(file, kinds, facts)), merge_scans(each.texts for each in facts)


def _look_at(reader: CsvReader, columns: Collection[str]) -> _Facts:
    table, types = reader.read_inferred()
    texts = {column: TypeScan() for column in columns if column in table.column_names and _is_text(table, column)}
    for column, scan in texts.items():
        scan.add(table[column])
    wide = (name for name in set(table.column_names) - set(types) if _is_wide(table[name]))
    return _Facts(dict(zip(table.column_names, table.schema.types, strict=True)), types, frozenset(wide), texts)


def _find_kinds(file: CsvFile, facts: Sequence[_Facts]) -> dict[str, pa.DataType]:
    """Column → the first type in Arrow's order that holds the values of all blocks."""
    found: dict[str, pa.DataType] = {}
    mixed: dict[str, Sequence[pa.DataType]] = {}
    for name in file.names or ():
        kinds = {each.kinds[name] for each in facts} - {pa.null()}
        if name in facts[0].types:  # times are read with their offsets if some have one
            found[name] = max(kinds or {facts[0].types[name]}, key=lambda kind: getattr(kind, "tz", None) is not None)
        elif len(kinds) <= 1:
            found[name] = kinds.pop() if kinds else pa.null()
        elif kinds <= {pa.int64(), pa.float64()}:
            found[name] = pa.float64()
        else:
            mixed[name] = _CHAIN[max(_CHAIN.index(kind) for kind in kinds) :]
    found |= _find_common_kinds(file, mixed)
    return {name: found[name] for name in file.names or ()}


def _find_common_kinds(file: CsvFile, candidates: Mapping[str, Sequence[pa.DataType]]) -> dict[str, pa.DataType]:
    """Column → the first of its candidates that holds the values of all blocks, from one pass over the file."""
    holding = dict(candidates)

    def look(reader: CsvReader) -> Mapping[str, Sequence[pa.DataType]]:
        return {name: [kind for kind in kinds if _holds(reader, name, kind)] for name, kinds in holding.items()}

    blocks = file.map(look) if any(len(kinds) > 1 for kinds in holding.values()) else ()
    for each in blocks:
        for name, kinds in each.items():
            holding[name] = [kind for kind in holding[name] if kind in kinds]
    return {name: kinds[0] for name, kinds in holding.items()}


def _holds(reader: CsvReader, name: str, kind: pa.DataType) -> bool:
    if kind == pa.string():
        return True
    try:
        reader.read_with_types({name: kind}, [name])
    except pa.ArrowInvalid:
        return False
    return True


def _make_fields(file: CsvFile, kinds: Types, facts: Sequence[_Facts]) -> list[pa.Field]:
    """The columns with their types: text if another type may change their values."""
    doubtful = {name for each in facts for name in each.wide if pa.types.is_floating(kinds[name])}
    wide = _find_wide(file, sorted(doubtful)) if doubtful else frozenset()
    fields = []
    for name, kind in kinds.items():
        if name in wide:
            fields.append(pa.field(name, pa.string(), metadata={INFERRED_TYPE: str(kind)}))
        else:
            is_clock = pa.types.is_time(kind) and name not in facts[0].types
            fields.append(pa.field(name, pa.string() if is_clock else kind))
    return fields


def _find_wide(file: CsvFile, names: Sequence[str]) -> frozenset[str]:
    """Columns of floats with an integer that a float may round, from one pass over the file."""
    found = file.map(lambda reader: frozenset(name for name in names if _has_wide_integer(reader, name)))
    return frozenset(name for names_of_block in found for name in names_of_block)


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
