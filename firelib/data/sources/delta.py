"""Delta tables of others: a folder with `_delta_log`, or `delta+s3://…`."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from firelib import storage
from firelib.data.sources.listing import is_bucket, local_path
from firelib.errors import FirelibError
from firelib.recipe import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "delta+"
_LOG = "_delta_log"


def is_delta(source: Source, project: Path | None = None) -> bool:
    """Whether a source is a Delta table, by its scheme or by its log.

    Args:
        source: The source.
        project: Folder that relative paths start from; by default the working directory.
    """
    if isinstance(source.uri, tuple) or source.format is not None:
        return False
    if source.uri.startswith(_PREFIX):
        return True
    if is_bucket(source.uri):
        return not Path(source.uri).suffix and "*" not in source.uri and storage.exists(storage.join(source.uri, _LOG))
    path = local_path(source.uri) if "://" not in source.uri or source.uri.startswith(("file://", "pkg://")) else None
    return path is not None and ((project or Path()) / path / _LOG).is_dir()


def read_delta(source: Source, rows: int | None = None) -> tuple[pa.Table, int]:
    """The rows of a version of a Delta table, and the version.

    Args:
        source: Names the table, and the version; by default the newest.
        rows: Number of rows; None reads all.

    Raises:
        FirelibError: The table or the version does not exist, or it needs features that the library lacks.
    """
    with _explain(source):
        table = _open(source)
        dataset = table.to_pyarrow_dataset()
        return (dataset.to_table() if rows is None else dataset.head(rows)), int(table.version())


def newest_version(source: Source) -> int:
    """The version that a source names, or the newest of the table.

    Raises:
        FirelibError: The table or the version does not exist.
    """
    with _explain(source):
        return int(_open(source).version())


def delta_folder(source: Source) -> str:
    """The folder of the table."""
    uri = str(source).removeprefix(_PREFIX)
    path = local_path(uri)
    return uri if path is None else str(path)


def _open(source: Source) -> Any:
    from deltalake import DeltaTable  # other sources do not need it

    return DeltaTable(delta_folder(source), version=source.version)


@contextmanager
def _explain(source: Source) -> "Iterator[None]":
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError, ValueError, pa.ArrowInvalid) as error:
        wanted = f"version {source.version} of " if source.version is not None else ""
        raise FirelibError(
            f"cannot read {wanted}the Delta table: {str(error).strip()}",
            where=f"source {source}",
            remedy="check the path and the version: DeltaTable(path).history() lists the versions",
        ) from None
