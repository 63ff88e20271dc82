"""Check sources: read the first rows of each."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from firelib.check.finding import Finding, Severity, from_error, grade
from firelib.console import Advance
from firelib.data.databases.address import is_database
from firelib.data.formats.missing_markers import find_missing_markers
from firelib.data.preview import FirstRows, read_first_rows
from firelib.data.sources.delta_address import is_delta
from firelib.data.sources.fetch import fetch, find_copies
from firelib.data.sources.listing import list_files, local_path
from firelib.errors import FirelibError, did_you_mean
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source
from firelib.recipe.locations import declaration_line

#: Rows that are checked of a table that is not small.
SAMPLE_ROWS = 200
#: A table of at most so many rows, which are small, is read whole: a join with a part of it would find few partners.
_WHOLE_ROWS = 2_000
_SMALL_BYTES = 2_048  # of one row
_HASHED_BYTES = 64 << 20  # of the files of a source: hashing them takes less than a second


@dataclass
class Preview:
    """The first rows of the sources.

    Attributes:
        tables: Table name → rows, in types of the lake.
        partial: Names of the tables that have, or may have, more rows.
        findings: What is wrong with the sources.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    partial: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


def check_sources(recipe: Recipe, file: str | None, paths: Paths, advance: Advance, severity: Severity) -> Preview:
    """Read the first rows of every source.

    Args:
        recipe: Names the sources.
        file: The recipe's file.
        paths: Where downloads and copies are.
        advance: Shows progress.
        severity: Severity of a source that cannot be read here.
    """
    preview = Preview()
    for name, source in recipe.sources.items():
        advance(0, note=f"first rows of {name}")
        line = declaration_line(file, "sources", name) if file else None
        try:
            first = _read(source, paths, recipe, name)
            _check_hash(source, paths)
        except FirelibError as error:
            preview.findings.append(from_error(error, "source", file, line, severity))
            continue
        except Exception as error:  # noqa: BLE001  a format or a fetcher of another package may raise anything
            what = f"source {name!r} ({source}): {type(error).__name__}: {error}"
            preview.findings.append(Finding(severity, "source", what, "check the source", file, line, str(source)))
            continue
        preview.findings += _check_table(name, source, first, recipe, file, line)
        if first.rows.num_rows:
            preview.tables[name] = first.rows
        if not first.is_complete:
            preview.partial.add(name)
    return preview


def _read(source: Source, paths: Paths, recipe: Recipe, name: str) -> FirstRows:
    first = read_first_rows(source, paths, recipe, name, SAMPLE_ROWS)
    is_large = first.rows.nbytes > SAMPLE_ROWS * _SMALL_BYTES
    if first.is_complete or first.rows.num_rows < SAMPLE_ROWS or is_large:
        return first
    return read_first_rows(source, paths, recipe, name, _WHOLE_ROWS)


def _check_hash(source: Source, paths: Paths) -> None:
    """Check the declared hash of small files on this machine; others are hashed when they are extracted."""
    if source.sha256 is None or is_database(str(source)) or is_delta(source):
        return
    copy = next(find_copies(source, paths.sources), None)
    found = [copy] if copy else [local_path(file.uri) for file in list_files(source)]
    files = [path for path in found if path is not None]
    if len(files) == len(found) and sum(path.stat().st_size for path in files) <= _HASHED_BYTES:
        fetch(source, paths.downloads, paths.sources)


def _check_numbers(
    name: str, source: Source, table: pa.Table, recipe: Recipe, file: str | None, line: int | None
) -> Iterator[Finding]:
    """Name the words that make text of a column which the recipe declares to hold numbers."""
    numbers = {each.name for each in (*recipe.features, recipe.label) if each.dtype not in ("string", "bytes")}
    columns = [column for column in table.column_names if column in numbers and column not in source.types]
    for column, marks in find_missing_markers(table.select(columns)).items():
        row = pc.index(table[column], marks[0]).as_py()
        shown = ", ".join(map(repr, marks))
        what = f"column {column!r} of table {name!r} is text because of {shown} among numbers (row {row}, from 0)"
        values = ", ".join(map(repr, [*source.null_values, *marks]))
        remedy = f"correct the file; or, if it means a missing value: Source(…, null_values=({values}))"
        yield Finding("warning", "source", what, remedy, file, line, marks[0])


def _check_table(
    name: str, source: Source, first: FirstRows, recipe: Recipe, file: str | None, line: int | None
) -> Iterator[Finding]:
    table = first.rows
    if not table.num_rows:
        what = f"table {name!r} has no rows{'' if first.is_complete else ' that a preview finds'} (source {source})"
        yield Finding(grade(first.is_complete), "source", what, "check the file", file, line, str(source))
    if source.union and not first.is_complete:
        return  # other files may have other columns
    yield from _check_numbers(name, source, table, recipe, file, line)
    for column in source.commit_by:
        if column not in table.column_names:
            what, remedy = (
                f"table {name!r} has no column {column!r}, which commit_by names",
                did_you_mean(column, table.column_names),
            )
            yield Finding("error", "source", what, remedy, file, line, column)
