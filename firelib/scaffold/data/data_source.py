"""What `--from` names: how the recipe's source declares it, and its rows."""

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from firelib.data.databases.address import is_database as is_database_uri
from firelib.data.preview import read_first_rows
from firelib.data.sources.checks import check_source
from firelib.data.sources.delta_address import is_delta
from firelib.data.sources.listing import is_bucket, list_files
from firelib.data.sources.load_table import load_table
from firelib.data.sources.schemes import check_scheme
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Source
from firelib.scaffold.data.csv_sniffer import sniff_dialect
from firelib.scaffold.data.download import download_source

COPY_BYTES = 16 << 20  # data up to this size are copied into the project
_WHOLE_BYTES = 1 << 30  # of larger data, the first rows are looked at
_SAMPLE_ROWS = 500_000
_DATABASES = ("sqlite", "duckdb", "postgresql", "postgres")
_FILES = ("sqlite", "duckdb")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
_HEAD_FILES = 1000


@dataclass(frozen=True)
class Wish:
    """What the user says about the data.

    Attributes:
        origin: Path, pattern or URI.
        table: Table of a database.
        query: Query of a database.
        copy: Whether to copy the data into the project; None copies up to 16 MiB.
    """

    origin: str
    table: str | None = None
    query: str | None = None
    copy: bool | None = None


@dataclass(frozen=True)
class DataSource:
    """A source for the recipe.

    Attributes:
        source: The source as it is now, with absolute paths.
        arguments: The arguments of `Source` in the recipe.
        origin: What it is called, without its folder.
        copies: File → its path in the project.
        differences: In what the columns of its files differ.
    """

    source: Source
    arguments: Mapping[str, Any]
    origin: str
    copies: Mapping[Path, str] = field(default_factory=dict)
    differences: tuple[str, ...] = ()

    @property
    def is_pictures(self) -> bool:
        """Whether it is a folder of pictures."""
        return self.source.format == "images"

    @property
    def is_ordered(self) -> bool:
        """Whether its rows have an order of their own: those of a single file have."""
        uri = self.source.uris[0]
        return not is_database_uri(uri) and not is_delta(self.source) and not list_files(self.source)[0].is_listed

    @property
    def expression(self) -> str:
        """The source as the recipe declares it."""
        from firelib.scaffold.recipe_text import quote

        first, *rest = self.arguments.items()
        parts = [quote(first[1]), *(f"{name}={_to_python(value)}" for name, value in rest)]
        return f"Source({', '.join(parts)})"


def find_data(wish: Wish, project: Path, scratch: Path) -> DataSource:
    """Find the data and decide whether they are copied.

    Args:
        wish: What the user says.
        project: Folder of the new project.
        scratch: Folder for a download, which the project gets when it is written.

    Raises:
        FirelibError: There are no data, a database lacks the name of a table, or a download fails.
    """
    scheme, separator, rest = wish.origin.partition("://")
    if separator:
        Source(wish.origin, sha256="0" * 64)  # refuses a password before an error shows it
    if separator and scheme in _DATABASES:
        return _find_database(wish, scheme, rest, project)
    if wish.table or wish.query:
        raise FirelibError(
            f"--table and --query need a database, got {wish.origin}",
            where="--from",
            remedy="name a database, such as sqlite:///shop.db, or drop the option",
        )
    if separator and scheme in ("http", "https"):
        return download_source(wish.origin, scratch / "downloads", DataSource)
    if separator and scheme != "file":
        source = Source(wish.origin)
        _check_scheme(wish.origin)
        check_source(source)
        return DataSource(source, {"uri": wish.origin}, wish.origin.rpartition("/")[2] or wish.origin)
    return _find_files(wish, Path(rest if separator else wish.origin), project)


def _check_scheme(uri: str) -> None:
    if uri.startswith("delta+"):
        return
    try:
        check_scheme(uri)
    except FirelibError as error:
        others = f"also databases ({', '.join(f'{name}://' for name in _DATABASES[:3])}) and Delta tables (delta+s3://)"
        raise FirelibError(f"{error.what}; {others}", where=error.where, remedy=error.remedy) from None


def read_data(data: DataSource, scratch: Path) -> tuple[pa.Table, bool]:
    """Read the rows: all of them, so that the recipe works for each; of large data the first.

    Args:
        data: The data.
        scratch: Folder for downloads.

    Returns:
        The rows with the lake's types, and whether there are more.

    Raises:
        FirelibError: The data cannot be read.
    """
    paths = Paths("init", str(scratch / "storage"), scratch)
    check_source(data.source)
    is_database = is_database_uri(data.source.uris[0])
    if is_database or is_bucket(data.source.uris[0]) or _size(data.source) > _WHOLE_BYTES:
        first = read_first_rows(data.source, paths, rows=_SAMPLE_ROWS)
        return first.rows, not first.is_complete
    return load_table(data.source, paths).rows, False


def _find_files(wish: Wish, path: Path, project: Path) -> DataSource:
    path = path.expanduser().absolute()
    is_pattern = not path.exists() and glob.has_magic(str(path))
    if is_pattern:
        files = [Path(name) for name in sorted(glob.glob(str(path), recursive=True)) if Path(name).is_file()]  # noqa: PTH207  a pattern may be absolute
    elif path.is_dir():
        files = [each for each in sorted(path.rglob("*")) if each.is_file() and not each.name.startswith((".", "_"))]
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise FirelibError(f"there is no file {path}", where="--from", remedy="check the path")
    if not any(file.stat().st_size for file in files[:_HEAD_FILES]):
        raise FirelibError(f"{path} is empty", where="--from", remedy="pass a file with rows")
    options = _options(path, files)
    source = Source(str(path), **options)
    base = _fixed_folder(path) if is_pattern else path
    if _is_in(base, project):
        return DataSource(source, {"uri": _name_inside(path, project), **options}, path.name)
    size = sum(file.stat().st_size for file in files)
    if wish.copy is False or (wish.copy is None and size > COPY_BYTES):
        return DataSource(source, {"uri": str(path), **options}, path.name)
    copies = {file: f"raw/{base.name}/{file.relative_to(base).as_posix()}" for file in files}
    if base == path and path.is_file():
        copies, uri = {path: f"raw/{path.name}"}, f"raw/{path.name}"
    else:
        below = f"/{path.relative_to(base).as_posix()}" if is_pattern else ""
        uri = f"raw/{base.name}{below}"
    return DataSource(source, {"uri": uri, **options}, path.name, copies)


def _options(path: Path, files: list[Path]) -> dict[str, Any]:
    """Options of `Source` that the files need."""
    pictures = sum(file.suffix.lower() in _PICTURES for file in files[:_HEAD_FILES])
    if path.is_dir() and 2 * pictures > len(files[:_HEAD_FILES]):
        return {"format": "images"}
    dialect = sniff_dialect(files[0])
    return {"csv": dialect} if dialect else {}


def _find_database(wish: Wish, scheme: str, rest: str, project: Path) -> DataSource:
    if bool(wish.table) == bool(wish.query):
        raise FirelibError(
            f"expected a table or a query of the database {wish.origin}",
            where="--from",
            remedy="name one: --table NAME, or --query 'select …'",
        )
    choice: dict[str, Any] = {name: value for name, value in (("table", wish.table), ("query", wish.query)) if value}
    origin = wish.table or "a query"
    if scheme not in _FILES:
        return DataSource(Source(wish.origin, **choice), {"uri": wish.origin, **choice}, origin)
    path = Path(rest.removeprefix("/")).expanduser().absolute()
    if not path.is_file():
        raise FirelibError(
            f"there is no database {path}",
            where="--from",
            remedy=f"check the path: {scheme}:///relative/path, or {scheme}:////absolute/path",
        )
    source = Source(f"{scheme}:///{path}", **choice)
    if _is_in(path, project):
        return DataSource(source, {"uri": f"{scheme}:///{_name_inside(path, project)}", **choice}, origin)
    if wish.copy is False or (wish.copy is None and path.stat().st_size > COPY_BYTES):
        return DataSource(source, {"uri": f"{scheme}:///{path}", **choice}, origin)
    copies = {path: f"raw/{path.name}"}
    log = path.with_name(f"{path.name}.wal")  # newest transactions of DuckDB; those of SQLite are copied with the file
    if scheme == "duckdb" and log.is_file():
        copies[log] = f"raw/{log.name}"
    return DataSource(source, {"uri": f"{scheme}:///raw/{path.name}", **choice}, origin, copies)


def _is_in(path: Path, project: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(project))


def _name_inside(path: Path, project: Path) -> str:
    """The path from the project's folder, which may have been named through a link."""
    if path.is_relative_to(project.absolute()):
        return path.relative_to(project.absolute()).as_posix()
    return Path(os.path.realpath(path)).relative_to(os.path.realpath(project)).as_posix()


def _fixed_folder(pattern: Path) -> Path:
    parts = pattern.parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _size(source: Source) -> int:
    total = 0
    for uri in source.uris:
        path = Path(uri)
        files = path.rglob("*") if path.is_dir() else [path] if path.is_file() else map(Path, glob.glob(uri))  # noqa: PTH207
        total += sum(file.stat().st_size for file in files if file.is_file())
    return total


def _to_python(value: Any) -> str:
    """Python for an option of `Source`; of a dialect, only what differs from the default."""
    from firelib.scaffold.recipe_text import quote

    if isinstance(value, str):
        return quote(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_to_python, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_to_python(name)}: {_to_python(part)}" for name, part in value.items()) + "}"
    if hasattr(value, "delimiter"):
        default = type(value)()
        changed = {name: part for name, part in vars(value).items() if part != getattr(default, name)}
        return f"CsvDialect({', '.join(f'{name}={_to_python(part)}' for name, part in changed.items())})"
    return repr(value)
