"""The query of a source, and the refusal of statements that are none."""

import re

from firelib.errors import FirelibError
from firelib.recipe import Source

_SELECTS = ("select", "with", "values")
_COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)


def build_query(source: Source) -> str:
    """The query that gives the rows of a source.

    Raises:
        FirelibError: The query is another statement than SELECT, or several.

    Example:
        >>> build_query(Source("sqlite:///shop.db", table="orders"))
        'select * from "orders"'
    """
    if source.table is not None:
        return f"select * from {'.'.join(_quote(part) for part in source.table.split('.'))}"  # noqa: S608  # quoted
    query = str(source.query).strip().removesuffix(";").rstrip()
    begin = query[_end_of_comments(query) :]
    word = re.match(r"\(*\s*(\w*)", begin)
    if word is None or word[1].lower() not in _SELECTS:
        got = begin.split(maxsplit=1)[0] if begin else "nothing"
        raise FirelibError(
            f"expected a query that only reads (SELECT, WITH or VALUES), got {got}",
            where=f"source {source}: query",
            remedy="correct the query: sources never change a database",
        )
    return query


def limit(query: str, rows: int) -> str:
    """A query for the first rows of another query.

    Args:
        query: The query.
        rows: Number of rows.
    """
    return f"select * from (\n{query}\n) as firelib_query limit {rows}"  # noqa: S608  # the user's own query


def _end_of_comments(query: str) -> int:
    match = _COMMENTS.match(query)
    return match.end() if match else 0


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
