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
_COMMA_NUMBER = re.compile(r"[-+]?\d+,\d+")
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
    decimal = (
        "," if delimiter != "," and any(_COMMA_NUMBER.fullmatch(cell) for row in rows[1:] for cell in row) else "."
    )
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


def _has_header(rows: list[list[str]], decimal: str) -> bool:
    """Whether the first line names columns: it has no number above a column of numbers."""
    if len(rows) < 2 or not all(cell.strip() for cell in rows[0]):
        return True
    below = [row for row in rows[1:] if len(row) == len(rows[0])]
    numeric = [_is_number(cell, decimal) for cell in rows[0]]
    above_numbers = [
        index
        for index, is_number in enumerate(numeric)
        if is_number and below and all(_is_number(row[index], decimal) or not row[index] for row in below)
    ]
    return not above_numbers or len(above_numbers) < max(1, sum(numeric))


def _is_number(cell: str, decimal: str) -> bool:
    return bool(_NUMBER.fullmatch(cell.strip().replace(decimal, ".") if decimal != "." else cell.strip()))
