"""Where a Delta table of others is: a folder with `_delta_log`, or `delta+s3://…`."""

from pathlib import Path

from firelib import storage
from firelib.data.sources.listing import is_bucket, local_path
from firelib.recipe import Source

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
    path = local_path(source.uri)
    return path is not None and ((project or Path()) / path / _LOG).is_dir()


def delta_folder(source: Source) -> str:
    """The folder of the table."""
    uri = str(source).removeprefix(_PREFIX)
    path = local_path(uri)
    return uri if path is None else str(path)
