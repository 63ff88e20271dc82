"""Columns in the names of folders, as Hive and Spark write them: `year=2013/month=1/part-0.parquet`."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

import pyarrow as pa

from firelib.data.sources.raw_file import RawFile
from firelib.errors import FirelibError
from firelib.recipe import Source

_NULL = "__HIVE_DEFAULT_PARTITION__"
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def read_partitions(files: Sequence[RawFile], source: Source, where: str) -> list[dict[str, pa.Scalar]]:
    """The values in the names of the folders above each file.

    Args:
        files: The files of a source.
        source: Says whether folders are columns, and declares types.
        where: The source, for errors.

    Returns:
        For each file, column → value: an integer if the values of all files are, text otherwise. None of them if the
        folders are no columns.

    Raises:
        FirelibError: Some files have other columns than the others, or no folder is a column although the source
            declares it.
    """
    if source.partitioned is False or (source.partitioned is None and not is_several(files, source)):
        return [{} for _ in files]
    texts = [
        _parse(str(file.path) if source.partitioned and not is_several(files, source) else file.name) for file in files
    ]
    names = list(dict.fromkeys(name for values in texts for name in values))
    if source.partitioned and not names:
        raise FirelibError(
            "partitioned=True, but no folder has a name such as year=2013",
            where=where,
            remedy="remove partitioned=True, or name a folder above those of the partitions",
        )
    odd = [file.name for file, values in zip(files, texts, strict=True) if list(values) != names]
    if odd and not source.union:
        raise FirelibError(
            f"expected folders {'/'.join(f'{name}=…' for name in names)} above each file, not so: {shorten(odd)}",
            where=where,
            remedy="move the files, declare partitioned=False, or union=True for nulls",
        )
    kinds = {name: _find_type([values.get(name) for values in texts], name, source) for name in names}
    return [
        {name: pa.scalar(values.get(name), pa.string()).cast(kind) for name, kind in kinds.items()} for values in texts
    ]


def is_several(files: Sequence[RawFile], source: Source) -> bool:
    """Whether a source names a folder, a pattern or several files, even if it has one file."""
    return len(files) > 1 or files[0].is_listed or isinstance(source.uri, tuple)


def shorten(names: Sequence[str], most: int = 3) -> str:
    """The first names, and the number of the others.

    Args:
        names: Names.
        most: How many to show.
    """
    more = len(names) - most
    return ", ".join([*names[:most], *([f"and {more} more"] if more > 0 else [])])


def _parse(name: str) -> dict[str, str | None]:
    folders = PurePosixPath(name).parts[:-1]
    pairs = (folder.split("=", 1) for folder in folders if "=" in folder and not folder.startswith("="))
    return {unquote(column): None if value == _NULL else unquote(value) for column, value in pairs}


def _find_type(values: Sequence[str | None], name: str, source: Source) -> pa.DataType:
    if name in source.types:
        return pa.string()  # cast to the declared type later
    known = [value for value in values if value is not None]
    return pa.int64() if known and all(_INTEGER.fullmatch(value) for value in known) else pa.string()
