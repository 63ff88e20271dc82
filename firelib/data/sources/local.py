"""Sources on this machine: a path, or `file://path`."""

from pathlib import Path

from firelib.recipe import Source


def find_local_file(source: Source, downloads: Path) -> Path:  # noqa: ARG001  every fetcher takes both
    """The path of a local source, relative to the working directory or absolute.

    Args:
        source: A path, or a `file://` URI.
        downloads: Not used: the file stays where it is.
    """
    return Path(str(source).removeprefix("file://"))
