"""How a CSV file is written: delimiter, quotes, encoding, header."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from firelib.errors import FirelibError


@dataclass(frozen=True)
class CsvDialect:
    r"""How a CSV file is written. The defaults are those of RFC 4180.

    Attributes:
        delimiter: Character between two values. A file whose name ends in `.tsv` or `.tab` has tabs by default.
        quote: Character around values that contain delimiters or line breaks; None if values are never quoted.
        escape: Character before a quote inside a quoted value, such as a backslash; None if quotes are doubled.
        encoding: Encoding of the text, such as `latin-1`, `cp1252` or `utf-16`.
        header: Whether the first line has the names of the columns. False names them `f0`, `f1`, …; a tuple gives
            the names of the columns of a file without a header.
        decimal: Decimal mark of numbers, such as `,`.
        skip_rows: Number of lines before the header.
        comment: Character at the beginning of lines that are not rows; None if there are none.

    Example:
        >>> from firelib import CsvDialect, Source
        >>> Source("preise.csv", csv=CsvDialect(delimiter=";", decimal=",", encoding="latin-1")).csv.delimiter
        ';'
    """

    delimiter: str | None = None
    quote: str | None = '"'
    escape: str | None = None
    encoding: str = "utf-8"
    header: bool | tuple[str, ...] = True
    decimal: str = "."
    skip_rows: int = 0
    comment: str | None = None

    def __post_init__(self) -> None:
        names: Any = self.header  # Python has not checked its type
        if isinstance(names, list):
            object.__setattr__(self, "header", tuple(names))
        problems = list(self._problems())
        if problems:
            raise FirelibError(
                "\n".join(f"CsvDialect: {problem}" for problem in problems),
                where="the recipe's sources",
                remedy='correct the dialect, such as CsvDialect(delimiter=";", encoding="latin-1")',
            )

    def _problems(self) -> Iterator[str]:
        for name in ("delimiter", "quote", "escape", "decimal", "comment"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and len(value) == 1 and value.isascii()):
                yield f"{name}: expected one ASCII character, got {value!r}"
        try:
            codecs.lookup(self.encoding)
        except (LookupError, TypeError):
            yield f"encoding: unknown encoding {self.encoding!r}"
        lines: Any = self.skip_rows
        if not isinstance(lines, int) or lines < 0:
            yield f"skip_rows: expected a number of lines, got {lines!r}"
        header: Any = self.header
        if not isinstance(header, bool | tuple):
            yield f"header: expected True, False or the names of the columns, got {header!r}"
        if self.delimiter is not None and self.delimiter in (self.decimal, self.quote):
            yield f"delimiter: {self.delimiter!r} is also the decimal mark or the quote"
