"""How a CSV file is written, from its first lines."""

import csv
import gzip
import re
from contextlib import suppress
from pathlib import Path

from firelib.data.formats.csv import CSV
from firelib.recipe import CsvDialect

_HEAD_BYTES = 1 << 16
_LINES = 100
_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_WITH_COMMA = re.compile(r"[-+]?\d+(,\d+)?")
_WITH_POINT = re.compile(r"[-+]?\d+(\.\d+)?")
_THOUSANDS = re.compile(r"[-+]?([1-9]\d{0,2}([.,]\d{3})*|0)")  # a mark here may stand between thousands
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def sniff_dialect(path: Path) -> CsvDialect | None:
    """Find out how a CSV file is written.

    Args:
        path: The file.

    Returns:
        The dialect; None if it is the default one, or the file is no CSV file.
    """
    if not (CSV.matches_name(path.name) or path.suffix.lower() in (".tsv", ".tab")):
        return None
    head = _read_head(path)
    if head is None or (b"\0" in head[2:] and not head.startswith((b"\xff\xfe", b"\xfe\xff"))):
        return None
    encoding = _find_encoding(head)
    lines = head.decode(encoding, errors="ignore").splitlines(keepends=True)[:_LINES]
    default = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
    delimiter = max(_DELIMITERS, key=lambda each: (_count_columns(lines, each), each == default))
    if _count_columns(lines, delimiter) < 2:
        delimiter = default
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if row][:_LINES]
    decimal = _find_decimal(rows) if delimiter != "," else "."
    header = _has_header(rows, decimal)
    options = {
        "delimiter": None if delimiter == default else delimiter,
        "encoding": "utf-8" if encoding == "utf-8-sig" else encoding,
        "header": header,
        "decimal": decimal,
    }
    dialect = CsvDialect(**options)  # type: ignore[arg-type]  # the values have the types of the fields
    return None if dialect == CsvDialect() else dialect


def _read_head(path: Path) -> bytes | None:
    with suppress(OSError, EOFError):
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as unpacked:
                return unpacked.read(_HEAD_BYTES)
        if path.suffix.lower() not in CSV.compressions:
            with path.open("rb") as file:
                return file.read(_HEAD_BYTES)
    return None


def _find_encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # otherwise the head ends inside a character
            return "cp1252"
    return "utf-8-sig"


def _count_columns(lines: list[str], delimiter: str) -> int:
    """Number of columns that nearly all lines have; 0 if they differ."""
    with suppress(csv.Error):
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        widths = widths[:-1] if len(widths) > 2 else widths  # the last line may be cut off
        common = max(set(widths), key=widths.count) if widths else 0
        return common if widths.count(common) >= 0.9 * len(widths) else 0
    return 0


def _find_decimal(rows: list[list[str]]) -> str:
    """The decimal mark: a comma only if columns have numbers that nothing else explains, and no column has a point."""
    columns = [
        [cell for row in rows[1:] if index < len(row) and (cell := row[index].strip())] for index in range(len(rows[0]))
    ]
    has_comma = any(_has_decimals(column, _WITH_COMMA) for column in columns)
    return "," if has_comma and not any(_has_decimals(column, _WITH_POINT) for column in columns) else "."


def _has_decimals(column: list[str], pattern: re.Pattern[str]) -> bool:
    """Whether the values of a column are numbers with this mark, of which one has no thousands: 1,5, not 1,234."""
    return all(map(pattern.fullmatch, column)) and any(
        not cell.strip("+-").isdigit() and not _THOUSANDS.fullmatch(cell) for cell in column
    )


def _has_header(rows: list[list[str]], decimal: str) -> bool:
    """Whether the first line names columns: not if it has a number above each column of numbers."""
    below = [row for row in rows[1:] if len(row) == len(rows[0])] if rows else []
    if not below or not all(cell.strip() for cell in rows[0]):
        return True
    numbers = [
        index
        for index in range(len(rows[0]))
        if all(_is_number(row[index], decimal) or not row[index] for row in below) and any(row[index] for row in below)
    ]
    return not numbers or not all(_is_number(rows[0][index], decimal) for index in numbers)


def _is_number(cell: str, decimal: str) -> bool:
    return bool(_NUMBER.fullmatch(cell.strip().replace(decimal, ".") if decimal != "." else cell.strip()))
