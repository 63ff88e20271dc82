"""What is wrong with a source that can be known before anything is fetched."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from firelib.data.databases.address import is_database
from firelib.data.databases.read import check_database
from firelib.data.formats.csv import CSV
from firelib.data.formats.detect import check_format, detect_common_format
from firelib.data.formats.excel import EXCEL
from firelib.data.formats.format import Format
from firelib.data.sources.delta import newest_version
from firelib.data.sources.delta_address import is_delta
from firelib.data.sources.extras import require_extra
from firelib.data.sources.fetch import find_copies
from firelib.data.sources.listed_pictures import check_picture_source
from firelib.data.sources.listing import is_on_this_machine, list_files, local_path
from firelib.data.sources.load_table import IMAGES
from firelib.data.sources.schemes import check_scheme
from firelib.errors import FirelibError
from firelib.recipe import Source

_EXTRAS = {EXCEL: ("python_calamine", "excel")}
# Option → what has it.
_OWNERS = {
    "query": "databases",
    "table": "databases",
    "version": "Delta tables",
    "sheet": "spreadsheets",
    "csv": "CSV files",
    "images": "files with the paths of pictures",
    "partitioned": "files",
    "union": "files",
    "format": "files",
    "copies": "files",
}
_OF_FILES = ("images", "partitioned", "union", "format", "copies", "csv", "sheet")


def check_source(source: Source, folder: Path | None = None) -> None:
    """Refuse a source that cannot be read.

    Args:
        source: The source.
        folder: Folder that is searched first for files whose hash is known (`FIRELIB_SOURCES`).

    Raises:
        FirelibError: The scheme or the format is unknown, there are no files, the database or the Delta table has no
            such table or version, an extra is missing, or an option does not fit the kind of source.
    """
    if is_database(str(source)):
        _check_options(source, "a database", ("version", *_OF_FILES))
        if (source.query is None) == (source.table is None):
            given = "both" if source.query else "neither"
            raise FirelibError(
                f"a database needs either query= or table=, got {given}",
                where=f"source {source}",
                remedy='name what to read: Source(uri, table="orders") or Source(uri, query="select …")',
            )
        check_database(source)
        return
    if not str(source).startswith("delta+"):
        for uri in source.uris:
            check_scheme(uri)
    if is_delta(source):
        _check_options(source, "a Delta table", ("query", "table", *_OF_FILES))
        newest_version(source)
        return
    _check_files(source, folder)


def infers_types(source: Source) -> bool:
    """Whether the types of a source's columns are inferred from values, as far as names tell."""
    uri = source.uris[0]
    if is_database(uri) or source.format == IMAGES or uri.startswith("delta+"):
        return False
    names = [uri.rpartition("/")[2]]
    if is_on_this_machine(uri):
        if is_delta(source):
            return False
        with suppress(FirelibError):  # it is gone
            names = [file.name for file in list_files(source)]
    return (detect_common_format(source, names[:1]) or CSV).infers_types


def _check_files(source: Source, folder: Path | None) -> None:
    copied = next(find_copies(source, folder), None) is not None
    files = [] if copied else list_files(source)
    if source.format == IMAGES or source.images:
        require_extra("PIL", "pictures", f"source {source}")
    if source.format == IMAGES:
        _check_options(source, "a folder of pictures", ("query", "table", "version", "csv", "sheet", "images"))
        kind = None
    elif files and files[0].is_listed:
        kind = detect_common_format(source, [file.name for file in files])
    else:
        kind = check_format(source)
    if source.format != IMAGES:
        _check_format_options(source, kind)
    if source.images and files:
        check_picture_source(source, files)
    missing = [str(path) for file in files if (path := local_path(file.uri)) is not None and not path.is_file()]
    if missing:
        raise FirelibError(
            "\n".join(f"the file {path} does not exist" for path in missing),
            where=f"source {source}",
            remedy="check the path",
        )


def _check_format_options(source: Source, kind: Format | None) -> None:
    unused = ["query", "table", "version"]
    if kind is not None:
        unused += [name for name, owner in (("csv", CSV), ("sheet", EXCEL)) if kind is not owner]
        if kind in _EXTRAS:
            require_extra(*_EXTRAS[kind], f"source {source}")
    _check_options(source, f"a file of format {kind.name}" if kind else "a file", unused)


def _check_options(source: Source, kind: str, unused: Sequence[str]) -> None:
    """Refuse options that the kind of source does not have."""
    given = [name for name in unused if getattr(source, name) not in (None, False, ())]
    if given:
        raise FirelibError(
            "\n".join(f"{name}= is an option of {_OWNERS[name]}, got {kind}" for name in given),
            where=f"source {source}",
            remedy=f"remove {', '.join(f'{name}=' for name in given)}, or correct the URI",
        )
