"""The query of a source, and the refusal of statements that are none."""

import re

from firelib.errors import FirelibError
from firelib.recipe import Source

_SELECTS = ("select", "with", "values")
# Text in which words and semicolons mean nothing: strings, quoted names, comments, PostgreSQL's $$…$$.
_OPAQUE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$""", re.DOTALL)
_WRITES = re.compile(r"\b(insert\s+into|delete\s+from|update\s+\S+\s+set|merge\s+into)\b", re.IGNORECASE)


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
    plain = _OPAQUE.sub(lambda match: "''" if match[0][0] in "'$" else " ", query).strip()
    word = re.match(r"[(\s]*(\w*)", plain)
    writes = _WRITES.search(plain)
    if word is None or word[1].lower() not in _SELECTS:
        raise _refuse((plain.split(maxsplit=1) or ["nothing"])[0], source)
    if writes:
        raise _refuse(writes[1], source)
    if ";" in plain:
        raise _refuse("several statements", source)
    return query


def _refuse(got: str, source: Source) -> FirelibError:
    return FirelibError(
        f"expected one query that only reads (SELECT, WITH or VALUES), got {got}",
        where=f"source {source}: query",
        remedy="correct the query: sources never change a database",
    )


def limit(query: str, rows: int) -> str:
    """A query for the first rows of another query.

    Args:
        query: The query.
        rows: Number of rows.
    """
    return f"select * from (\n{query}\n) as firelib_query limit {rows}"  # noqa: S608  # the user's own query


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
