"""The table of a source that is a database."""

import pyarrow as pa

from firelib.data.databases.connections import require_drivers, run_query
from firelib.data.databases.query import build_query, limit
from firelib.recipe import Source


def read_database(source: Source, rows: int | None = None) -> pa.Table:
    """The rows of a table or a query, in the order in which the database gives them.

    Args:
        source: Names the database, and the table or the query.
        rows: Number of rows; None reads all.

    Raises:
        FirelibError: The driver is not installed, the database cannot be read, or the query fails or writes.
    """
    query = build_query(source)
    return run_query(str(source), query if rows is None else limit(query, rows))


def check_database(source: Source) -> None:
    """Refuse a source whose database cannot be read, or whose tables do not exist, without reading a row.

    Raises:
        FirelibError: As for `read_database`.
    """
    require_drivers(str(source))
    read_database(source, rows=0)
