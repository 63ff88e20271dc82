"""Find sources that changed. DVC does not know them: the recipe names them, not dvc.yaml."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.console import note
from firelib.data.lake import read_lake
from firelib.dvc_pipeline.remote_state import RemoteStates, State
from firelib.dvc_pipeline.source_states import hash_files, is_hashed, is_local, read_state
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source


class SourceChanges:
    """Compares the recipe's sources with the ones that lake.json was made from.

    A local file is hashed only if its size, time of modification or inode is not the remembered one. For a remote file,
    the ETag (or else the time of modification) and the size are compared with those before the last extract by
    `firelib run`; servers are asked from the moment this object is created. The same holds for the files of databases,
    Delta tables, and tables of pictures. Sources that cannot be compared, such as database servers, are named as not
    checked.

    Args:
        recipe: Names the sources.
        paths: Where lake.json is.
        remembered: File that keeps what the last check has seen.
    """

    def __init__(self, recipe: Recipe, paths: Paths, remembered: Path) -> None:
        self._sources, self._paths, self._file = recipe.sources, paths, remembered
        self._local = {name for name, source in recipe.sources.items() if is_local(source)}
        self._hashed = {name for name in self._local if is_hashed(recipe.sources[name], paths.project)}
        self._before_extract = {
            name: read_state(recipe.sources[name], paths.project) for name in self._local - self._hashed
        }
        remote = [source for name, source in recipe.sources.items() if name not in self._local]
        self._states = RemoteStates(uri for source in remote for uri in source.uris)

    def find(self) -> list[str]:
        """Names of the changed sources; none if there is no lake.json.

        A remote source with a declared hash is only named to the user: the lake has the content that the recipe asks
        for, whatever its server has now.
        """
        known = self._known_hashes()
        before, now = _read(self._file), self._look(known)
        self._write({**before, **{name: seen for name, seen in now.items() if not _is_change(before, name, seen)}})
        self._note("not checked for changes", [name for name in self._wanted(known) if name not in now])
        first = [name for name, seen in now.items() if name not in self._hashed and not _is_known(before, name, seen)]
        self._note("not checked for changes, since there is no earlier state to compare with", first)
        changed = [
            name for name, seen in now.items() if seen["sha256"] != known[name] or _is_change(before, name, seen)
        ]
        return [name for name in changed if not self._note_declared(name)]

    def remember(self) -> None:
        """Remember the remote files as they were when this object was created, after an extract that began later."""
        known = self._known_hashes()
        states = {name: seen for name, seen in self._look(known).items() if name not in self._hashed}
        self._write({**_read(self._file), **states})

    def _known_hashes(self) -> dict[str, str]:
        if not self._paths.lake_json.is_file():
            return {}
        tables = read_lake(self._paths.lake_json).tables
        return {name: table.sha256 for name, table in tables.items() if name in self._sources}

    def _wanted(self, known: Mapping[str, str]) -> list[str]:
        """The sources that may change: local files with a declared hash and pinned versions cannot."""
        return [
            name
            for name in known
            if (name not in self._hashed or not self._sources[name].sha256) and self._sources[name].version is None
        ]

    def _look(self, known: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        before, seen = _read(self._file), {}
        states = self._states.wait() if set(self._sources) - self._local else {}
        for name in self._wanted(known):
            source = self._sources[name]
            if name in self._hashed:
                found = hash_files(source, self._paths.project, before.get(name, {}))
            elif name in self._local:
                found = _as_seen(source, self._before_extract[name], known[name])
            else:
                found = _combine_states(source, states, known[name])
            if found is not None:
                seen[name] = found
        return seen

    def _note(self, problem: str, names: Sequence[str]) -> None:
        if names:
            note(f"{problem}: {', '.join(f'{name} ({self._sources[name]})' for name in names)}")

    def _note_declared(self, name: str) -> bool:
        source = self._sources[name]
        if source.sha256:
            note(f"{name} ({source}) has changed on its server; the recipe declares the sha256 of the earlier file")
        return bool(source.sha256)

    def _write(self, seen: Mapping[str, Any]) -> None:
        if seen != _read(self._file):
            storage.write_bytes(str(self._file), storage.to_json(dict(seen)))


def _is_change(before: Mapping[str, Mapping[str, Any]], name: str, seen: Mapping[str, Any]) -> bool:
    """Whether a remote file differs from the one that was remembered for the same content of the lake."""
    return (
        "inode" not in seen
        and "files" not in seen
        and _is_known(before, name, seen)
        and dict(before[name]) != dict(seen)
    )


def _is_known(before: Mapping[str, Mapping[str, Any]], name: str, seen: Mapping[str, Any]) -> bool:
    """Whether a state of the same file is remembered, for the same content of the lake."""
    old = before.get(name, {})
    return (old.get("path"), old.get("sha256")) == (seen["path"], seen["sha256"])


def _as_seen(source: Source, state: State | None, sha256: str) -> dict[str, Any] | None:
    return None if state is None else {"path": str(source), **state, "sha256": sha256}


def _combine_states(source: Source, states: Mapping[str, State], sha256: str) -> dict[str, Any] | None:
    """The state of remote files; None if one of them is not known."""
    if any(uri not in states for uri in source.uris):
        return None
    found = [states[uri] for uri in source.uris]
    state = found[0] if len(found) == 1 else {"tag": storage.sha256_json(found)}
    return {"path": str(source), **state, "sha256": sha256}


def _read(remembered: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(remembered.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {name: seen for name, seen in content.items() if isinstance(seen, dict)}
