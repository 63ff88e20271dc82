"""What is wrong with a source that can be known before anything is fetched."""

from pathlib import Path

from firelib.data.formats.detect import check_format, detect_common_format
from firelib.data.sources.fetch import find_copies
from firelib.data.sources.listing import list_files, local_path
from firelib.data.sources.schemes import check_scheme
from firelib.errors import FirelibError
from firelib.recipe import Source


def check_source(source: Source, folder: Path | None = None) -> None:
    """Refuse a source that cannot be read.

    Args:
        source: The source.
        folder: Folder that is searched first for files whose hash is known (`FIRELIB_SOURCES`).

    Raises:
        FirelibError: The scheme or the format is unknown, or there are no files.
    """
    for uri in source.uris:
        check_scheme(uri)
    if next(find_copies(source, folder), None):
        check_format(source)
        return
    files = list_files(source)
    missing = [str(path) for file in files if (path := local_path(file.uri)) is not None and not path.is_file()]
    if not files[0].is_listed:
        check_format(source)
    else:
        detect_common_format(source, [file.name for file in files])
    if missing:
        raise FirelibError(
            "\n".join(f"the file {path} does not exist" for path in missing),
            where=f"source {source}",
            remedy="check the path",
        )
