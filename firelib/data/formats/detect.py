"""The file formats, and which of them a file has. `docs/sources.md` shows how to add one."""

from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from firelib.data.file_sets.partitions import shorten
from firelib.data.formats.arrow_ipc import ARROW
from firelib.data.formats.csv import CSV
from firelib.data.formats.excel import EXCEL
from firelib.data.formats.format import Format
from firelib.data.formats.idx import IDX
from firelib.data.formats.json_lines import JSON
from firelib.data.formats.parquet import PARQUET
from firelib.data.formats.tfrecord import TFRECORD
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Source

#: Group of the entry points with which other packages add formats.
GROUP = "firelib.formats"

_BUILT_IN = (ARROW, CSV, EXCEL, IDX, JSON, PARQUET, TFRECORD)
_HEAD_BYTES = 64


def check_format(source: Source, name: str | None = None) -> Format | None:
    """Refuse a file of unknown format, before it is fetched.

    Args:
        source: The source.
        name: Name of its file; by default the one in the URI.

    Returns:
        The format; None if only the content tells it.

    Raises:
        FirelibError: `source.format` is unknown, or the file's name has an unknown suffix.
    """
    name = _file_name(str(source)) if name is None else name
    found = _declared(source) or _by_name(name)
    if found is None:
        _refuse_suffix(source, name)
    return found


def detect_common_format(source: Source, names: Sequence[str]) -> Format | None:
    """The format of files, as their names tell it.

    Args:
        source: The source.
        names: The files' names.

    Returns:
        None if only their content tells it.

    Raises:
        FirelibError: A format is unknown, or the files have several.
    """
    kinds: dict[str, list[str]] = {}
    found = None
    for name in names:
        found = check_format(source, PurePosixPath(name).name)
        kinds.setdefault(found.name if found else "unknown", []).append(name)
    if len(kinds) > 1:
        listed = "; ".join(f"{len(files)} {kind} ({shorten(files, 2)})" for kind, files in sorted(kinds.items()))
        raise FirelibError(
            f"expected files of one format, got {listed}",
            where=f"source {source}",
            remedy="choose some of them with a pattern such as folder/*.csv, or declare the format: "
            "Source(uri, format='csv')",
        )
    return found


def detect_format(source: Source, path: Path, name: str = "") -> Format:
    """The format of a fetched file.

    The first of these decides: `source.format`, the file name in the URI, the name of the fetched file, its first
    bytes. A file without a suffix and without the first bytes of a format is CSV, which defines no magic bytes.

    Args:
        source: The source of the file.
        path: The file on this machine.
        name: Its name below a folder that the source names; by default, the URI has the name.

    Raises:
        FirelibError: `source.format` is unknown, or the name has an unknown suffix.
    """
    name = PurePosixPath(name).name or _file_name(str(source))
    found = _declared(source) or _by_name(name) or _by_name(path.name) or _by_magic(path)
    if found is None:
        _refuse_suffix(source, path.name)
    return found or CSV


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
        where=f"source {source}",
        remedy=f"{did_you_mean(name, known)} (where the name does not tell the format: Source(uri, format='csv'))",
    )
