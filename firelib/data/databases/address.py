"""URIs of databases: `sqlite:///path`, `duckdb:///path`, `postgresql://host/database`."""

from pathlib import Path

from firelib.errors import FirelibError

#: Scheme → the packages that read it.
SCHEMES = {
    "sqlite": ("adbc_driver_sqlite", "adbc_driver_manager"),
    "duckdb": ("duckdb",),
    "postgresql": ("adbc_driver_postgresql", "adbc_driver_manager"),
    "postgres": ("adbc_driver_postgresql", "adbc_driver_manager"),
}
_FILES = ("sqlite", "duckdb")


def is_database(uri: str) -> bool:
    """Whether a URI names a database."""
    return uri.partition("://")[0] in SCHEMES and "://" in uri


def database_file(uri: str) -> Path | None:
    """The file of a database; None for a server.

    As in SQLAlchemy's URIs, three slashes come before a relative path, and four before an absolute one.

    Raises:
        FirelibError: The URI names a file without a third slash.

    Example:
        >>> str(database_file("sqlite:///shop.db")), str(database_file("duckdb:////data/shop.db"))
        ('shop.db', '/data/shop.db')
    """
    scheme, _, rest = uri.partition("://")
    if scheme not in _FILES:
        return None
    if not rest.startswith("/") or len(rest) < 2:
        raise FirelibError(
            f"expected {scheme}:///path (three slashes and a relative path, or four and an absolute one), got {uri}",
            where=f"source {uri}",
            remedy=f"write {scheme}:///{rest.lstrip('/') or 'path'}",
        )
    return Path(rest[1:])
