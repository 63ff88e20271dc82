"""The file formats, and which of them a file has. `docs/sources.md` shows how to add one."""

from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from firelib.data.formats.csv import CSV
from firelib.data.formats.format import Format
from firelib.data.formats.idx import IDX
from firelib.data.formats.parquet import PARQUET
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Source

#: Group of the entry points with which other packages add formats.
GROUP = "firelib.formats"

_BUILT_IN = (CSV, IDX, PARQUET)
_HEAD_BYTES = 64


def check_format(source: Source) -> None:
    """Refuse a source of unknown format, before it is fetched.

    Raises:
        FirelibError: `source.format` is unknown, or the file name in the URI has an unknown suffix.
    """
    name = _file_name(source.uri)
    if _declared(source) is None and _by_name(name) is None:
        _refuse_suffix(source, name)


def detect_format(source: Source, path: Path) -> Format:
    """The format of a fetched file.

    The first of these decides: `source.format`, the file name in the URI, the name of the fetched file, its first
    bytes. A file without a suffix and without the first bytes of a format is CSV, which defines no magic bytes.

    Args:
        source: The source of the file.
        path: The file on this machine.

    Raises:
        FirelibError: `source.format` is unknown, or the name has an unknown suffix.
    """
    found = _declared(source) or _by_name(_file_name(source.uri)) or _by_name(path.name) or _by_magic(path)
    if found is None:
        _refuse_suffix(source, path.name)
    return found or CSV


def infers_types(source: Source) -> bool:
    """Whether the format of a source, as its name tells it, infers the types of columns."""
    return (_declared(source) or _by_name(_file_name(source.uri)) or CSV).infers_types


def _formats() -> Iterator[Format]:
    yield from _BUILT_IN
    for entry in entry_points(group=GROUP):  # last, because it reads the metadata of all installed packages
        yield entry.load()


def _declared(source: Source) -> Format | None:
    if source.format is None:
        return None
    found = next((known for known in _formats() if known.name == source.format), None)
    if found is None:
        raise _unknown_format(source, source.format)
    return found


def _by_name(name: str) -> Format | None:
    return next((known for known in _formats() if known.matches_name(name)), None)


def _by_magic(path: Path) -> Format | None:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return next((known for known in _formats() if known.magic and head.startswith(known.magic)), None)


def _file_name(uri: str) -> str:
    return PurePosixPath(urlsplit(uri).path).name


def _refuse_suffix(source: Source, name: str) -> None:
    """Refuse a name with a suffix: a name without one does not tell the format."""
    name = unpacked = name.lower()
    for compression in CSV.compressions:
        unpacked = unpacked.removesuffix(compression)
    suffix = PurePosixPath(unpacked).suffix
    if suffix and not suffix[1:].isdigit():  # digits are a version, as in `dump-2.0`
        raise _unknown_format(source, suffix.removeprefix(".") + name.removeprefix(unpacked))


def _unknown_format(source: Source, name: str) -> FirelibError:
    known = sorted({known.name for known in _formats()})
    return FirelibError(
        f"unknown file format {name!r}, expected {', '.join(known)}",
        where=f"source {source.uri}",
        remedy=f"{did_you_mean(name, known)} (where the name does not tell the format: Source(uri, format='csv'))",
    )
