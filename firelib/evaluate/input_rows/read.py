"""Read rows to score: JSON, or a file in a format of the sources, which the sources' own reader reads."""

import math
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.formats.csv import CSV
from firelib.data.formats.idx import IDX
from firelib.data.formats.parquet import PARQUET
from firelib.data.formats.read import read_raw_file
from firelib.data.sources.raw_file import RawFile
from firelib.errors import FirelibError, did_you_mean
from firelib.evaluate.input_rows.json_rows import parse_json, to_table
from firelib.evaluate.input_rows.problems import RowProblems
from firelib.recipe import FLOATS, Feature, Recipe, Source

_HEAD_BYTES = 4096
_RESEMBLANCE = 0.85  # of a name that is taken for a misspelt one
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class InputRows:
    """Rows to score.

    Attributes:
        columns: The features among their columns; they have the types of the file.
        others: For each row, the values of its other columns, ready for JSON but for dates, times and decimals.
        problems: What is wrong with the rows so far.
        where: Their source, for errors.
    """

    columns: pa.Table
    others: Sequence[Mapping[str, Any]]
    problems: RowProblems
    where: str


def read_rows(rows: str, recipe: Recipe, source: str | None = None) -> InputRows:
    """Read rows to score.

    Args:
        rows: JSON (an object, a list of objects, or one object per line), the path of a file that holds JSON or has a
            format of the sources, such as CSV, or `-` for standard input.
        recipe: Declares the features, and how its sources are read.
        source: Name of the source whose options apply; None if all sources have the same options.

    Returns:
        The rows.

    Raises:
        FirelibError: There are no rows, they cannot be read, or the sources have different options.
    """
    if rows.lstrip()[:1] in ("{", "["):
        return from_json(parse_json(rows, "the command line"), recipe, "the command line")
    if rows == "-":
        with _spool(sys.stdin.buffer.read()) as path:
            return _read_file(path, "standard input", recipe, source)
    return _read_file(Path(rows), rows, recipe, source)


def from_json(rows: Sequence[Mapping[str, Any]], recipe: Recipe, where: str) -> InputRows:
    """Convert rows of JSON.

    Args:
        rows: Name → value, arrays as lists. A missing name means a missing value.
        recipe: Declares the features.
        where: The source of the rows, for errors.

    Raises:
        FirelibError: There are no rows.
    """
    _require_rows(len(rows), where)
    problems, names = RowProblems(len(rows)), {feature.name for feature in recipe.features}
    for index, row in enumerate(rows):
        for unknown, name in _find_misspelt(row, recipe):
            problems.add_row(name, index, f"unknown {unknown!r}: did you mean {name!r}?")
    others = [{name: _to_plain(value) for name, value in row.items() if name not in names} for row in rows]
    return InputRows(to_table(rows, recipe.features, problems), others, problems, where)


def from_table(table: pa.Table, recipe: Recipe, where: str) -> InputRows:
    """Take the columns of the features from a table.

    Args:
        table: The rows. A column for a nullable or optional feature may be absent.
        recipe: Declares the features.
        where: The source of the table, for errors.

    Raises:
        FirelibError: There are no rows, or a column is missing or misspelt.
    """
    _require_rows(table.num_rows, where)
    _check_columns(table.column_names, recipe, where)
    features = [feature for feature in recipe.features if feature.name in table.column_names]
    present = {feature.name: _as_transformed(table[feature.name], feature) for feature in features}
    absent = {feature.name: pa.nulls(table.num_rows) for feature in recipe.features if feature not in features}
    rest = table.drop_columns(list(present)).to_pylist()
    others = [{name: _to_plain(value) for name, value in row.items()} for row in rest]
    return InputRows(pa.table({**present, **absent}), others, RowProblems(table.num_rows), where)


def _read_file(path: Path, where: str, recipe: Recipe, source: str | None) -> InputRows:
    try:
        with path.open("rb") as file:
            start = file.read(_HEAD_BYTES).removeprefix(_BYTE_ORDER_MARK).lstrip()
        if start[:1] in (b"{", b"["):
            return from_json(parse_json(path.read_text("utf-8-sig"), where), recipe, where)
    except (OSError, UnicodeDecodeError) as error:
        raise FirelibError(
            f"cannot read the rows: {error}", where=where, remedy="pass a JSON or CSV file in UTF-8"
        ) from None
    _require_rows(len(start), where)
    options = _select_source(recipe, source)
    declared = None if any(known.matches_name(path.name) for known in (CSV, IDX, PARQUET)) else options.format
    options = replace(options, uri=where, format=declared)
    return from_table(read_raw_file(RawFile(path, ""), options, recipe, is_complete=False), recipe, where)


@contextmanager
def _spool(content: bytes) -> Iterator[Path]:
    """Write content to a file whose name tells no format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.write_bytes(content)
        yield path


def _select_source(recipe: Recipe, name: str | None) -> Source:
    """The source whose options apply to a file: the named one, or any if all have the same options."""
    if name is not None:
        if name not in recipe.sources:
            remedy = did_you_mean(name, recipe.sources)
            raise FirelibError(f"unknown source {name!r}", where="--source", remedy=remedy)
        return recipe.sources[name]
    sources = list(recipe.sources.values())
    kinds = {(column, kind) for source in sources for column, kind in source.types.items()}
    if len({source.null_values for source in sources}) > 1 or len(dict(kinds)) < len(kinds):
        named = "; ".join(
            f"{name}: {list(source.null_values)}, {dict(source.types)}" for name, source in recipe.sources.items()
        )
        raise FirelibError(
            f"the recipe's sources have different null_values or types ({named})",
            where=f"recipe {recipe.name!r}: sources",
            remedy="name the source whose options apply: firelib predict --source NAME",
        )
    return replace(sources[0], types=dict(kinds))


def _require_rows(count: int, where: str) -> None:
    if not count:
        raise FirelibError("expected rows, got none", where=where, remedy="pass JSON objects, or CSV with a header")


def _check_columns(names: Sequence[str], recipe: Recipe, where: str) -> None:
    missing = [
        f"column {feature.name!r} is missing: {did_you_mean(feature.name, names)}"
        for feature in recipe.features
        if feature.name not in names and not (feature.nullable or feature.optional)
    ]
    misspelt = [
        f"unknown column {name!r}: did you mean {feature!r}?" for name, feature in _find_misspelt(names, recipe)
    ]
    if missing or misspelt:
        raise FirelibError(
            "\n".join([*missing, *misspelt]),
            where=where,
            remedy="add or rename the columns; an empty column or null says that a value is missing",
        )


def _find_misspelt(names: Iterable[str], recipe: Recipe) -> Iterator[tuple[str, str]]:
    """(name, feature) for each name that resembles a feature that is absent; a value would be missing in silence."""
    given = set(names)
    declared = {feature.name for feature in recipe.features}
    expected = declared | {recipe.label.name, *recipe.key, *filter(None, [recipe.test_rows])}
    for name in sorted(given - expected):
        for feature in get_close_matches(name, sorted(declared - given), n=1, cutoff=_RESEMBLANCE):
            yield name, feature


def _to_plain(value: Any) -> Any:
    """Convert what JSON cannot hold, also inside lists and dicts: NaN to null, infinity and bytes to text."""
    if isinstance(value, list | tuple):  # a tuple: an entry of an Arrow map
        return [_to_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _to_plain(item) for name, item in value.items()}
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def _as_transformed(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    """Convert a column as the lake and pandas do on the way to `transform`.

    Timestamps get the lake's resolution. NaN becomes null; a float feature takes both for a missing value.
    """
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz))
    if feature.dtype in FLOATS or not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
