"""Sources on this machine: a path, or `file://path`."""

from pathlib import Path

from firelib.errors import FirelibError
from firelib.recipe import Source


def find_local_file(source: Source, downloads: Path) -> Path:  # noqa: ARG001  every fetcher takes both
    """The path of a local source, relative to the working directory or absolute.

    Args:
        source: A path, or a `file://` URI.
        downloads: Not used: the file stays where it is.
    """
    return Path(source.uri.removeprefix("file://"))


def check_local_file(source: Source) -> None:
    """Refuse a local source that is a folder, before any source is fetched.

    Raises:
        FirelibError: The path of the source is a folder: a Delta table, or a folder of Parquet files.
    """
    path = Path(source.uri.removeprefix("file://"))
    if "://" in str(path) or not path.is_dir():
        return
    kind = "a Delta table" if (path / "_delta_log").is_dir() else "a folder"
    raise FirelibError(
        f"expected a file, got {kind}: {path}",
        where=f"source {source.uri}",
        remedy="write its rows to one Parquet file: "
        + (f"DeltaTable({str(path)!r}).to_pyarrow_table()" if kind == "a Delta table" else "pyarrow.dataset, DuckDB")
        + ", and name that file as the source",
    )
