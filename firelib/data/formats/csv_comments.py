"""Remove the comment lines of a CSV file, which Arrow does not know."""

import re
from collections.abc import Iterator

from firelib.recipe.csv_dialect import CsvDialect

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def remove_comments(text: str, dialect: CsvDialect) -> str:
    """The text without the lines that begin with `dialect.comment`. A line inside a quoted value is no comment.

    Args:
        text: The text.
        dialect: How it is written, with its delimiter.
    """
    return "".join(_keep_rows(text, dialect))


def _keep_rows(text: str, dialect: CsvDialect) -> Iterator[str]:
    row, comment = _row_pattern(dialect), str(dialect.comment)
    position = skipped = 0
    while position < len(text):
        is_comment = text.startswith(comment, position)
        # Quotes mean nothing in the lines above the header.
        is_line = is_comment or skipped < dialect.skip_rows
        match = (_LINE if is_line else row).match(text, position)
        assert match
        position = match.end()
        if not is_comment:
            skipped += 1
            yield match[0]


def _row_pattern(dialect: CsvDialect) -> re.Pattern[str]:
    """A row with the end of its line. As for Arrow, only a quote at the beginning of a value opens it.

    No possessive quantifiers: Python up to 3.11.4 matches them wrongly (https://github.com/python/cpython/issues/106052).
    """
    delimiter, quote, escape = (re.escape(sign or "") for sign in (dialect.delimiter, dialect.quote, dialect.escape))
    escaped = f"{escape}(?:.|\\Z)" if escape else ""
    value = _repeat(f"[^{delimiter}{escape}\\n]*", escaped)
    if quote:
        inside = _repeat(f"[^{quote}{escape}]*", escaped or quote + quote)
        closing = quote if escape else f"{quote}(?!{quote})"
        value = f"(?:{quote}{inside}(?:{closing}|\\Z)|(?!{quote})){value}"
    return re.compile(f"{value}(?:{delimiter}{value})*(?:\\n|\\Z)", re.DOTALL)


def _repeat(ordinary: str, special: str) -> str:
    """Ordinary letters with special pairs between them."""
    return f"{ordinary}(?:{special}{ordinary})*" if special else ordinary
