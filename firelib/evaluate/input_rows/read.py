"""Read rows to score: JSON, or a file in a format of the sources, which the sources' own reader reads."""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from firelib.data.formats.detect import detect_format
from firelib.data.formats.read import read_raw_file
from firelib.data.sources.raw_file import RawFile
from firelib.errors import FirelibError, did_you_mean
from firelib.evaluate.input_rows.default_values import fill_records
from firelib.evaluate.input_rows.json_rows import parse_batches, parse_json, to_table
from firelib.evaluate.input_rows.listed_pictures import LIST_BYTES, read_listed_pictures
from firelib.evaluate.input_rows.options import select_options
from firelib.evaluate.input_rows.pieces import cut_file
from firelib.evaluate.input_rows.prepare import prepare_records, prepare_table
from firelib.evaluate.input_rows.problems import RowProblems
from firelib.evaluate.input_rows.tables import as_table_source, read_table
from firelib.evaluate.json_values import to_plain
from firelib.recipe import FLOATS, Feature, Recipe, Source

_HEAD_BYTES = 4096
_STANDARD_INPUT = "standard input"
_BATCH_BYTES = 16 << 20
_RESEMBLANCE = 0.85  # of a name that is taken for a misspelt one
_MOST_COLUMNS = 10  # that one error describes
_MOST_COMPARED = 1000  # names
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class InputRows:
    """Rows to score.

    Attributes:
        columns: The features among their columns; they have the types of the file.
        passed: The key and the columns that are no features: a table, or for rows of JSON their values.
        problems: What is wrong with the rows so far.
        where: Their source, for errors.
    """

    columns: pa.Table
    passed: pa.Table | Sequence[Mapping[str, Any]]
    problems: RowProblems
    where: str

    @property
    def others(self) -> list[dict[str, Any]]:
        """For each row, the values of `passed`, ready for JSON but for dates, times and decimals."""
        rows = self.passed.to_pylist() if isinstance(self.passed, pa.Table) else self.passed
        return [{name: to_plain(value) for name, value in row.items()} for row in rows]


def read_rows(rows: str, recipe: Recipe, source: str | None = None) -> InputRows:
    """Read rows to score, all at once. Arguments and errors are those of `read_batches`."""
    (batch,) = read_batches(rows, recipe, source, size=None)
    return batch


def read_batches(
    rows: str, recipe: Recipe, source: str | None = None, size: int | None = _BATCH_BYTES
) -> Iterator[InputRows]:
    """Read rows to score, in batches.

    Args:
        rows: JSON (an object, a list of objects, or one object per line), the path of a file that holds JSON or has a
            format of the sources, such as CSV, `-` for standard input, or whatever else a source can name: a folder, a
            pattern, objects of a bucket, a database, a Delta table, pictures. The latter are read at once.
        recipe: Declares the features, and how its sources are read.
        source: Name of the source whose options apply; None if all sources have the same options.
        size: About the number of bytes that are read at once; None reads all. JSON lines, CSV and Parquet are cut; the
            types of columns that nothing declares are inferred for each batch.

    Yields:
        The rows, in order.

    Raises:
        FirelibError: There are no rows, they cannot be read, or the sources have different options.
    """
    if rows.lstrip()[:1] in ("{", "["):
        yield from_json(parse_json(rows, "the command line"), recipe, "the command line")
    elif rows == "-":
        with _spool(sys.stdin.buffer) as path:
            yield from _read_file(path, _STANDARD_INPUT, recipe, source, size)
    elif table := as_table_source(rows, _select_source(rows, recipe, source)):
        yield from_table(read_table(table, recipe), recipe, rows)
    else:
        yield from _read_file(Path(rows), rows, recipe, source, size)


def _select_source(rows: str, recipe: Recipe, name: str | None) -> Source:
    """The recipe's source that rows resemble, which are more than a file."""
    options = select_options(recipe, name, Path(rows))
    source = recipe.sources[name] if name else next(iter(recipe.sources.values()))
    return replace(source, null_values=options.null_values, types=options.types, defaults=options.defaults)


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
    rows = prepare_records(fill_records(rows, recipe), recipe, where)
    problems, dropped = RowProblems(len(rows)), _not_passed(recipe)
    resembling = _find_resembling({name for row in rows for name in row}, recipe)
    for index, row in enumerate(rows):
        for unknown, name in _find_misspelt(row, resembling):
            problems.add_row(name, index, f"unknown {unknown!r}: did you mean {name!r}?")
    passed = [{name: value for name, value in row.items() if name not in dropped} for row in rows]
    return InputRows(to_table(rows, recipe.features, problems), passed, problems, where)


def _not_passed(recipe: Recipe) -> set[str]:
    """The features that are no part of the key."""
    return {feature.name for feature in recipe.features} - set(recipe.key)


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
    table = prepare_table(table, recipe, where)
    _check_columns(table.column_names, recipe, where)
    features = [feature for feature in recipe.features if feature.name in table.column_names]
    present = {feature.name: _as_transformed(table[feature.name], feature) for feature in features}
    absent = {feature.name: pa.nulls(table.num_rows) for feature in recipe.features if feature not in features}
    passed = table.drop_columns([name for name in table.column_names if name in _not_passed(recipe)])
    return InputRows(pa.table({**present, **absent}), passed, RowProblems(table.num_rows), where)


def _read_file(path: Path, where: str, recipe: Recipe, source: str | None, size: int | None) -> Iterator[InputRows]:
    try:
        with path.open("rb") as file:
            start = file.read(_HEAD_BYTES).removeprefix(_BYTE_ORDER_MARK).lstrip()
        if start[:1] in (b"{", b"["):
            with path.open(encoding="utf-8-sig") as lines:
                for rows in parse_batches(lines, where, size):
                    yield from_json(rows, recipe, where)
            return
    except (OSError, UnicodeDecodeError) as error:
        raise FirelibError(
            f"cannot read the rows: {error}", where=where, remedy="pass a JSON or CSV file in UTF-8"
        ) from None
    _require_rows(len(start), where)
    options = select_options(recipe, source, path)
    has_folders = options.partitioned is True and any("=" in folder for folder in path.parts[:-1])
    options = replace(options, uri=where, partitioned=has_folders or None)
    # Of a piece, the folders are unknown; and a declared dialect may have another quote, or no header.
    is_cut = size is not None and options.csv is None and not has_folders
    most = min(size or 0, LIST_BYTES) if options.images else size
    folder = Path() if where == _STANDARD_INPUT else path.parent
    for piece in cut_file(path, detect_format(options, path), most if is_cut else None, options):
        rows = read_raw_file(RawFile(piece, ""), options, recipe, is_complete=False)
        yield from_table(read_listed_pictures(rows, options.images, folder), recipe, where)


@contextmanager
def _spool(content: IO[bytes]) -> Iterator[Path]:
    """Write content to a file whose name tells no format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        with path.open("wb") as file:
            shutil.copyfileobj(content, file)
        yield path


def _require_rows(count: int, where: str) -> None:
    if not count:
        raise FirelibError("expected rows, got none", where=where, remedy="pass JSON objects, or CSV with a header")


def _check_columns(names: Sequence[str], recipe: Recipe, where: str) -> None:
    missing = {
        feature.name: f"column {feature.name!r} is missing: {did_you_mean(feature.name, names)}"
        for feature in recipe.features
        if feature.name not in names and not (feature.nullable or feature.optional)
    }
    misspelt = [
        f"unknown column {name!r}: did you mean {feature!r}?"
        for name, feature in _find_misspelt(names, _find_resembling(set(names), recipe))
        if feature not in missing
    ]
    problems = [*missing.values(), *misspelt]
    if problems:
        more = len(problems) - _MOST_COLUMNS
        raise FirelibError(
            "\n".join([*problems[:_MOST_COLUMNS], *([f"and {more:,} more columns"] if more > 0 else [])]),
            where=where,
            remedy="add or rename the columns; an empty column or null says that a value is missing",
        )


def _find_resembling(names: Set[str], recipe: Recipe) -> dict[str, list[str]]:
    """Name that is no column of the recipe → the features that it resembles, the closest first.

    Of very many names, only the first are compared, since a client may send any.
    """
    declared = sorted(feature.name for feature in recipe.features)
    expected = {*declared, recipe.label.name, *recipe.key, *filter(None, [recipe.test_rows])}
    compared = sorted(names - expected)[:_MOST_COMPARED]
    found = {name: get_close_matches(name, declared, n=len(declared), cutoff=_RESEMBLANCE) for name in compared}
    return {name: features for name, features in found.items() if features}


def _find_misspelt(names: Iterable[str], resembling: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    """(name, feature) for each name that resembles a feature that is absent; a value would be missing in silence."""
    given = set(names)
    for name in sorted(given & resembling.keys()):
        feature = next((feature for feature in resembling[name] if feature not in given), None)
        if feature is not None:
            yield name, feature


def _as_transformed(column: pa.ChunkedArray, feature: Feature) -> pa.ChunkedArray:
    """Convert a column as the lake and pandas do on the way to `transform`.

    Timestamps get the lake's resolution. NaN becomes null; a float feature takes both for a missing value.
    """
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz))
    if feature.dtype in FLOATS or not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
