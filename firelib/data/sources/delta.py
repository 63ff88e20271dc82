"""Read Delta tables of others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from firelib import storage
from firelib.data.parts.delta_options import delta_options
from firelib.data.sources.delta_address import delta_folder
from firelib.errors import FirelibError
from firelib.recipe import Source


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


def _open(source: Source) -> Any:
    from deltalake import DeltaTable  # other sources do not need it

    uri = delta_folder(source)
    return DeltaTable(uri, version=source.version, storage_options=delta_options(uri))


@contextmanager
def _explain(source: Source) -> Iterator[None]:
    from deltalake.exceptions import DeltaError

    try:
        with storage.explain_storage(delta_folder(source)):
            yield
    except (DeltaError, OSError, ValueError, pa.ArrowInvalid) as error:
        wanted = f"version {source.version} of " if source.version is not None else ""
        raise FirelibError(
            f"cannot read {wanted}the Delta table: {str(error).strip()}",
            where=f"source {source}",
            remedy="check the path and the version: DeltaTable(path).history() lists the versions",
        ) from None
