"""Columns of SQLite with values of several storage classes, which no type of a column holds exactly."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from firelib.errors import FirelibError

_MOST_COLUMNS = 500  # of one query; SQLite's limit is 2,000
# Type that the driver gives a column → the values that it has changed, in SQL, and in words.
_CHANGED = {
    pa.float64(): (
        "typeof({0}) = 'integer' and ({0} >= 9007199254740992 or {0} <= -9007199254740992)",
        "integers of 2^53 or more beside fractions",
    ),
    pa.string(): ("typeof({0}) = 'real'", "fractions beside text"),
    pa.binary(): ("typeof({0}) in ('integer', 'real')", "numbers beside blobs"),
}


def check_storage_classes(cursor: Any, query: str, table: pa.Table, uri: str) -> None:
    """Refuse columns in which the driver has changed values: it rounds numbers beside others, text and blobs.

    Args:
        cursor: Runs queries on the same state of the database.
        query: The query that gave the table.
        table: The table.
        uri: The database, for errors.

    Raises:
        FirelibError: There are such columns; all are named.
    """
    mixed = list(_find_mixed(cursor, query, table))
    if mixed:
        raise FirelibError(
            "\n".join(f"column {name!r} has {words}" for name, words in mixed),
            where=f"source {uri}",
            remedy='correct the values, or convert the column in a query: Source(uri, query="select cast(x as real) as '
            'x from …")',
        )


def _find_mixed(cursor: Any, query: str, table: pa.Table) -> Iterator[tuple[str, str]]:
    names = ", ".join(f"c{index}" for index in range(table.num_columns))
    found = [(index, *_CHANGED[field.type]) for index, field in enumerate(table.schema) if field.type in _CHANGED]
    for begin in range(0, len(found), _MOST_COLUMNS):
        part = found[begin : begin + _MOST_COLUMNS]
        tests = ", ".join(f"max({test.format(f'c{index}')})" for index, test, _ in part)
        cursor.execute(f"with firelib_query({names}) as (\n{query}\n) select {tests} from firelib_query")  # noqa: S608
        for (index, _, words), is_mixed in zip(part, cursor.fetchone(), strict=True):
            if is_mixed:
                yield table.column_names[index], words
