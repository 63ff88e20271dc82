"""Spreadsheets: .xlsx, .xlsm, .xlsb, .xls and .ods, through python-calamine."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from firelib.data.formats.format import Format, Head
from firelib.data.sources.extras import import_extra
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Source


def read_excel(path: Path, source: Source) -> pa.Table:
    """A sheet of a spreadsheet as a table. Its first row has the names of the columns.

    A cell with a string of `source.null_values` is null, like an empty one. Spreadsheets have no integers: a column
    whose numbers are all whole is one of integers.

    Args:
        path: The file.
        source: Names the sheet.

    Raises:
        FirelibError: The extra `excel` is not installed, the file is no spreadsheet or lacks the sheet, or a column
            has values of several types.
    """
    return _read(str(path), path.name, source, None).rows


def read_excel_head(file: IO[bytes], name: str, source: Source, rows: int) -> Head:
    """The first rows of a sheet.

    Args:
        file: The file.
        name: Its name, for errors.
        source: Names the sheet.
        rows: Number of rows.

    Raises:
        FirelibError: As for `read_excel`.
    """
    return _read(file, name, source, rows)


def _read(file: str | IO[bytes], name: str, source: Source, rows: int | None) -> Head:
    calamine = import_extra("python_calamine", "excel", f"source {source}")
    try:
        book = calamine.load_workbook(file)
        sheet = source.sheet if source.sheet is not None else next(iter(book.sheet_names), None)
        if sheet not in book.sheet_names:
            raise FirelibError(
                f"the spreadsheet {name} has no sheet {sheet!r}",
                where=f"source {source}",
                remedy=did_you_mean(str(sheet), book.sheet_names),
            )
        lines = book.get_sheet_by_name(sheet).iter_rows()
        cells = list(islice(lines, None if rows is None else rows + 1))
        is_complete = next(lines, None) is None
    except (calamine.CalamineError, OSError) as error:
        raise pa.ArrowInvalid(f"{type(error).__name__}: {error}") from None
    return Head(_to_table(cells, f"source {source}, sheet {sheet!r}", source), is_complete)


def _to_table(cells: Sequence[Sequence[Any]], where: str, source: Source) -> pa.Table:
    if not cells:
        raise FirelibError("the sheet is empty", where=where, remedy="name another: Source(uri, sheet='…')")
    names = [str(cell) for cell in cells[0]]
    unnamed = [index + 1 for index, name in enumerate(names) if not name.strip()]
    if unnamed:
        raise FirelibError(
            f"columns without a name in the first row: {', '.join(map(str, unnamed))}",
            where=where,
            remedy="give each column a name in the first row of the sheet",
        )
    rows = [row for row in cells[1:] if any(cell != "" for cell in row)]
    columns, problems = [], []
    for index, name in enumerate(names):
        values = [_to_value(row[index] if index < len(row) else "", source) for row in rows]
        try:
            columns.append(_to_column(values, source.types.get(name)))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            kinds = sorted({type(value).__name__ for value in values if value is not None})
            problems.append(f"column {name!r} has values of several types: {', '.join(kinds)}")
    if problems:
        raise FirelibError(
            "\n".join(problems),
            where=where,
            remedy="correct the cells, name what stands for a missing value (null_values=), or declare "
            "types={column: 'string'}",
        )
    return pa.Table.from_arrays(columns, names=names)


def _to_value(cell: Any, source: Source) -> Any:
    if cell == "" or (isinstance(cell, str) and cell in source.null_values):
        return None
    return cell


def _to_column(values: Sequence[Any], declared: str | None) -> pa.Array:
    present = [value for value in values if value is not None]
    if declared == "string":
        return pa.array([None if value is None else _spell(value) for value in values], pa.string())
    if all(isinstance(value, float | int) and not isinstance(value, bool) for value in present) and present:
        whole = all(float(value).is_integer() and abs(value) < 2**53 for value in present)
        return pa.array([None if value is None else int(value) if whole else float(value) for value in values])
    if any(isinstance(value, datetime) for value in present):
        values = [datetime(value.year, value.month, value.day) if _is_day(value) else value for value in values]
    return pa.array(values)


def _is_day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _spell(value: Any) -> str:
    """A cell as text: whole numbers without a fraction, as spreadsheets show them."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return str(value) if not isinstance(value, timedelta) else str(value.total_seconds())


EXCEL = Format(
    name="excel",
    read=read_excel,
    read_head=read_excel_head,
    names=r"\.(xlsx|xlsm|xlsb|xls|ods)",
    has_integers=False,
)
