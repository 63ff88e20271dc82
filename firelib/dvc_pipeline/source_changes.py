"""Find sources that changed. DVC does not know them: the recipe names them, not dvc.yaml."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.console import note
from firelib.data.lake import read_lake
from firelib.data.sources.raw_file import hash_raw_file
from firelib.data.sources.schemes import find_fetcher
from firelib.dvc_pipeline.remote_state import RemoteStates
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source

_LOCAL = ("", "file", "pkg")


class SourceChanges:
    """Compares the recipe's sources with the ones that lake.json was made from.

    A local file is hashed only if its size, time of modification or inode is not the remembered one. For a remote file,
    the ETag (or else the time of modification) and the size are compared with those before the last extract by
    `firelib run`; servers are asked from the moment this object is created. Sources that cannot be compared are named
    as not checked.

    Args:
        recipe: Names the sources.
        paths: Where lake.json is.
        remembered: File that keeps what the last check has seen.
    """

    def __init__(self, recipe: Recipe, paths: Paths, remembered: Path) -> None:
        self._sources, self._paths, self._file = recipe.sources, paths, remembered
        self._remote = {name: source for name, source in recipe.sources.items() if not _is_local(source)}
        self._states = RemoteStates(source.uri for source in self._remote.values())

    def find(self) -> list[str]:
        """Names of the changed sources; none if there is no lake.json.

        A remote source with a declared hash is only named to the user: the lake has the content that the recipe asks
        for, whatever its server has now.
        """
        known = self._known_hashes()
        before, now = _read(self._file), self._look(known)
        self._write({**before, **{name: seen for name, seen in now.items() if not _is_change(before, name, seen)}})
        self._note("not checked for changes", [name for name in self._wanted(known) if name not in now])
        first = [name for name, seen in now.items() if name in self._remote and not _is_known(before, name, seen)]
        self._note("not checked for changes, since there is no earlier state to compare with", first)
        changed = [
            name for name, seen in now.items() if seen["sha256"] != known[name] or _is_change(before, name, seen)
        ]
        return [name for name in changed if not self._note_declared(name)]

    def remember(self) -> None:
        """Remember the remote files as they were when this object was created, after an extract that began later."""
        known = self._known_hashes()
        states = {name: seen for name, seen in self._look(known).items() if name in self._remote}
        self._write({**_read(self._file), **states})

    def _known_hashes(self) -> dict[str, str]:
        if not self._paths.lake_json.is_file():
            return {}
        tables = read_lake(self._paths.lake_json).tables
        return {name: table.sha256 for name, table in tables.items() if name in self._sources}

    def _wanted(self, known: Mapping[str, str]) -> list[str]:
        """The sources that may change: local ones with a declared hash cannot."""
        return [name for name in known if name in self._remote or not self._sources[name].sha256]

    def _look(self, known: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        before, states, seen = _read(self._file), self._states.wait() if self._remote else {}, {}
        for name in self._wanted(known):
            source = self._sources[name]
            if name not in self._remote:
                file = _find_file(source, self._paths)
                if file is not None:
                    seen[name] = _identify(file, before.get(name, {}))
            elif source.uri in states:
                seen[name] = {"path": source.uri, **states[source.uri], "sha256": known[name]}
        return seen

    def _note(self, problem: str, names: Sequence[str]) -> None:
        if names:
            note(f"{problem}: {', '.join(f'{name} ({self._sources[name].uri})' for name in names)}")

    def _note_declared(self, name: str) -> bool:
        source = self._sources[name]
        if source.sha256:
            note(f"{name} ({source.uri}) has changed on its server; the recipe declares the sha256 of the earlier file")
        return bool(source.sha256)

    def _write(self, seen: Mapping[str, Any]) -> None:
        if seen != _read(self._file):
            storage.write_bytes(str(self._file), storage.to_json(dict(seen)))


def _is_local(source: Source) -> bool:
    scheme, separator, _ = source.uri.partition("://")
    return not separator or scheme in _LOCAL


def _is_change(before: Mapping[str, Mapping[str, Any]], name: str, seen: Mapping[str, Any]) -> bool:
    """Whether a remote file differs from the one that was remembered for the same content of the lake."""
    return "inode" not in seen and _is_known(before, name, seen) and dict(before[name]) != dict(seen)


def _is_known(before: Mapping[str, Mapping[str, Any]], name: str, seen: Mapping[str, Any]) -> bool:
    """Whether a state of the same file is remembered, for the same content of the lake."""
    old = before.get(name, {})
    return (old.get("path"), old.get("sha256")) == (seen["path"], seen["sha256"])


def _find_file(source: Source, paths: Paths) -> Path | None:
    """The file of a local source; None if there is none."""
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
    if not isinstance(content, dict):
        return {}
    return {name: seen for name, seen in content.items() if isinstance(seen, dict)}
