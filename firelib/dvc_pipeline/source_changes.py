"""Find sources that changed on disk. DVC does not know them: the recipe names them, not dvc.yaml."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.console import note
from firelib.data.lake import read_lake
from firelib.data.sources.raw_file import hash_raw_file
from firelib.data.sources.schemes import find_fetcher
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source

_LOCAL = ("", "file", "pkg")


def find_changed_sources(recipe: Recipe, paths: Paths, remembered: Path) -> list[str]:
    """Compare the recipe's sources with the ones that lake.json was made from.

    A file is hashed only if its size, time of modification or inode is not the remembered one. Sources with a declared
    hash (all downloads) cannot change. Others that are not local files are named as not checked.

    Args:
        recipe: Names the sources.
        paths: Where lake.json is.
        remembered: File that keeps what the last check has seen.

    Returns:
        Names of the changed sources; none if there is no lake.json.
    """
    if not paths.lake_json.is_file():
        return []
    known = {name: table.sha256 for name, table in read_lake(paths.lake_json).tables.items()}
    open_sources = {name: source for name, source in recipe.sources.items() if not source.sha256 and name in known}
    files = {name: _find_file(source, paths) for name, source in open_sources.items()}
    unchecked = [f"{name} ({open_sources[name].uri})" for name, file in files.items() if file is None]
    if unchecked:
        note(f"not checked for changes: {', '.join(unchecked)}")
    before = _read(remembered)
    now = {name: _identify(file, before.get(name, {})) for name, file in files.items() if file is not None}
    if now != before:
        storage.write_bytes(str(remembered), storage.to_json(now))
    return [name for name, seen in now.items() if seen["sha256"] != known[name]]


def _find_file(source: Source, paths: Paths) -> Path | None:
    """The file of a source on this machine; None if there is none."""
    scheme, separator, _ = source.uri.partition("://")
    if separator and scheme not in _LOCAL:
        return None
    with suppress(FirelibError):  # the package is not installed
        file = paths.project / find_fetcher(source.uri)(source, paths.downloads)
        return file if file.is_file() else None
    return None


def _identify(file: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """The file's state, with the hash of the content: the remembered one if the state is the same."""
    status = file.stat()
    state = {"path": str(file), "size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}
    if before and state == {name: value for name, value in before.items() if name != "sha256"}:
        return dict(before)
    return {**state, "sha256": hash_raw_file(file).sha256}


def _read(remembered: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(remembered.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
