"""The state of sources on this machine: what tells that they have changed without reading all of them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.data.databases.address import database_file, is_database
from firelib.data.sources.delta_address import delta_folder, is_delta
from firelib.data.sources.listing import SourceFile, is_on_this_machine, list_files, local_path
from firelib.data.sources.raw_file import RawFile, combine_hashes, hash_raw_file
from firelib.errors import FirelibError
from firelib.recipe import Source


def is_local(source: Source) -> bool:
    """Whether a source is on this machine; one in a package that is missing is, too."""
    if is_database(str(source)):
        return database_file(str(source)) is not None
    return all(is_on_this_machine(uri.removeprefix("delta+")) for uri in source.uris)


def is_hashed(source: Source, project: Path) -> bool:
    """Whether lake.json has the hash of a source's files, and not that of rows or of files that others name.

    Args:
        source: A local source.
        project: Folder that relative paths start from.
    """
    if is_database(str(source)) or source.images:
        return False
    try:
        return not is_delta(source, project)
    except FirelibError:  # a package is missing
        return True


def hash_files(source: Source, project: Path, before: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state of local files, with the hash of their content: the remembered one if the state is the same.

    Args:
        source: Local files.
        project: Folder that relative paths start from.
        before: The remembered state.

    Returns:
        None if a file, the folder or the package does not exist.
    """
    try:
        files = list_files(source, project)
        paths = [project / (local_path(file.uri) or "") for file in files]
        state = _state_of_files(source, files, paths) if files[0].is_listed else _state_of_file(paths[0])
    except (FirelibError, OSError):
        return None
    if before and state == {name: value for name, value in before.items() if name != "sha256"}:
        return dict(before)
    if not files[0].is_listed:
        return {**state, "sha256": hash_raw_file(paths[0]).sha256}
    raw = [RawFile(path, hash_raw_file(path).sha256, file.name) for file, path in zip(files, paths, strict=True)]
    return {**state, "sha256": combine_hashes(raw)}


def read_state(source: Source, project: Path) -> dict[str, str] | None:
    """The state of a local database, Delta table, or table of pictures.

    Args:
        source: The source.
        project: Folder that relative paths start from.

    Returns:
        None if the source does not exist.
    """
    try:
        paths = [project / path for path in _paths_of_state(source, project)]
        states = [_state_of_file(path) for path in paths]
        pictures = _states_of_pictures(source, project) if source.images else []
    except (FirelibError, OSError, ValueError):  # among the last are Arrow's about the content
        return None
    return {"tag": storage.sha256_json([*states, *pictures])}


def _paths_of_state(source: Source, project: Path) -> Sequence[Path]:
    file = database_file(str(source)) if is_database(str(source)) else None
    if file is not None:
        log = file.with_name(f"{file.name}-wal")  # SQLite's newest transactions
        return [file, *([log] if (project / log).exists() else [])]
    if is_delta(source, project):
        return sorted((project / delta_folder(source) / "_delta_log").iterdir())
    return [project / (local_path(file.uri) or "") for file in list_files(source, project)]


def _states_of_pictures(source: Source, project: Path) -> Iterator[dict[str, Any] | None]:
    """The states of the pictures that the rows name, and of nothing else; None of a missing one.

    This reads the table, which is small beside its pictures.
    """
    from firelib.data.formats.read import read_raw_file  # imports pyarrow, which other sources do not need here

    for file in list_files(source, project):
        path = project / (local_path(file.uri) or "")
        rows = read_raw_file(RawFile(path, "", file.name), source)
        if source.images in rows.column_names:
            yield from (_state_or_none(path.parent, name) for name in rows[source.images].unique().to_pylist())


def _state_or_none(folder: Path, name: object) -> dict[str, Any] | None:
    try:
        return _state_of_file(folder / os.path.normpath(str(name)))
    except (OSError, ValueError):  # it is missing, or its name is none of a file
        return None


def _state_of_file(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}


def _state_of_files(source: Source, files: Sequence[SourceFile], paths: Sequence[Path]) -> dict[str, Any]:
    states = [[file.name, _state_of_file(path)] for file, path in zip(files, paths, strict=True)]
    return {"path": str(source), "files": storage.sha256_json(states)}
