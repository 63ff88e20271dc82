"""Run a query on a connection that cannot write."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pyarrow as pa

from firelib.data.databases.address import SCHEMES, database_file
from firelib.data.databases.storage_classes import check_storage_classes
from firelib.data.sources.extras import import_extra, require_extra
from firelib.errors import FirelibError

_READ_ONLY = "-c default_transaction_read_only=on"
_INFERRED_ROWS = str(1 << 30)  # SQLite's columns have no type: the driver infers one from that many rows


def require_drivers(uri: str) -> None:
    """Refuse to go on without the packages that read a database.

    Raises:
        FirelibError: A package is not installed.
    """
    for module in SCHEMES[uri.partition("://")[0]]:
        require_extra(module, "sql", f"source {uri}")


def run_query(uri: str, query: str) -> pa.Table:
    """The rows of a query.

    Args:
        uri: The database.
        query: A query that only reads. The connection refuses to write.

    Raises:
        FirelibError: The database does not exist or cannot be reached, or the query fails.
    """
    require_drivers(uri)
    file = database_file(uri)
    if file is not None and not file.is_file():
        raise FirelibError(f"the file {file} does not exist", where=f"source {uri}", remedy="check the path")
    run = _RUNNERS[uri.partition("://")[0]]
    return run(uri, query)


def _run_sqlite(uri: str, query: str) -> pa.Table:
    dbapi = import_extra("adbc_driver_sqlite.dbapi", "sql", f"source {uri}")
    file = Path(str(database_file(uri))).absolute()
    try:
        with dbapi.connect(f"file:{quote(str(file))}?mode=ro") as connection, connection.cursor() as cursor:
            cursor.execute("pragma query_only = on")
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": _INFERRED_ROWS})
            cursor.execute(query)
            table = cursor.fetch_arrow_table()
            check_storage_classes(cursor, query, table, uri)
            return table
    except dbapi.Error as error:
        raise _failed(uri, error) from None


def _run_duckdb(uri: str, query: str) -> pa.Table:
    duckdb = import_extra("duckdb", "sql", f"source {uri}")
    config = {"enable_external_access": "false"}  # COPY … TO would write files
    try:
        with duckdb.connect(str(database_file(uri)), read_only=True, config=config) as connection:
            statements = connection.extract_statements(query)
            if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
                raise FirelibError(
                    f"expected one SELECT, got {', '.join(statement.type.name for statement in statements)}",
                    where=f"source {uri}: query",
                    remedy="correct the query: sources never change a database",
                )
            return connection.sql(query).to_arrow_table()
    except duckdb.Error as error:
        raise _failed(uri, error) from None


def _run_postgresql(uri: str, query: str) -> pa.Table:
    dbapi = import_extra("adbc_driver_postgresql.dbapi", "sql", f"source {uri}")
    try:
        with dbapi.connect(_read_only(uri)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            table = cursor.fetch_arrow_table()
            connection.rollback()  # before version 16, functions such as lo_create write in read-only transactions, too
            return table
    except dbapi.Error as error:
        raise _failed(uri, error) from None


def _read_only(uri: str) -> str:
    """The URI for libpq, with an option that makes all transactions of the connection read-only."""
    address = urlsplit(uri)
    options = dict(parse_qsl(address.query, keep_blank_values=True))
    options["options"] = f"{options.get('options', '')} {_READ_ONLY}".strip()
    # urlunsplit would drop the slashes of postgresql:///?service=…
    return f"{address.scheme}://{address.netloc}{address.path}?{urlencode(options, quote_via=quote)}"


def _failed(uri: str, error: Exception) -> FirelibError:
    text = str(error).strip()
    what, remedy = next((answer for words, answer in _ANSWERS if any(word in text.lower() for word in words)), _OTHER)
    return FirelibError(f"{what}: {text}", where=f"source {uri}", remedy=remedy)


# Words of a driver's error → what it means, and what to do.
_ANSWERS = (
    (
        ("read-only", "readonly", "read only"),
        ("the database refuses to write", "correct the query: sources never change a database"),
    ),
    (
        ("failed to connect", "unable to open"),
        (
            "cannot connect to the database",
            (
                "check the address, with its user; PostgreSQL's password comes from PGPASSWORD, ~/.pgpass or a service "
                "file"
            ),
        ),
    ),
)
_OTHER = ("the query failed", "check that the table is there, and run the query with the database's own client")
_RUNNERS: dict[str, Callable[[str, str], pa.Table]] = {
    "sqlite": _run_sqlite,
    "duckdb": _run_duckdb,
    "postgresql": _run_postgresql,
    "postgres": _run_postgresql,
}
