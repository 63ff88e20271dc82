"""Metrics of the models that were trained on each version of a table, from git revisions and DVC experiments."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from firelib.compare.facts import HASH_DIGITS, Facts, read_facts
from firelib.compare.snapshot import Snapshot, list_names, open_snapshot, open_working_tree
from firelib.console import note
from firelib.data.lake import Lake
from firelib.errors import FirelibError
from firelib.project_layout import Paths

_MOST_STATES = 30  # opening one takes some tenths of a second


@dataclass(frozen=True)
class VersionMetrics:
    """Metrics of a model.

    Attributes:
        version: Version of the table that it was trained on.
        states: Names of the states that have these metrics.
        metrics: Metric → value on the test split.
    """

    version: int
    states: tuple[str, ...]
    metrics: dict[str, float]


def read_metrics(lake: Lake, paths: Paths, states: Sequence[str] | None = None) -> dict[str, list[VersionMetrics]]:
    """The metrics of all states of a project whose data this lake has.

    Args:
        lake: The content of lake.json.
        paths: Where the project is.
        states: The states beside the working tree; see `open_states`.

    Returns:
        Table → metrics, in ascending order of the version; only tables that grow.
    """
    found: dict[str, dict[tuple[object, ...], list[str]]] = {}
    growing = [name for name, record in lake.tables.items() if record.version]
    digest = hashlib.md5(paths.lake_json.read_bytes(), usedforsecurity=False).hexdigest()[:HASH_DIGITS]
    for snapshot in open_states(paths, states) if growing else ():
        with suppress(FirelibError):  # a state without metrics
            facts = read_facts(snapshot)
            metrics = {name: value for name, value in facts.metrics.items() if not name.startswith("train: ")}
            for table in growing:
                version = _find_version(facts, table, lake, digest)
                if metrics and version is not None:
                    names = found.setdefault(table, {}).setdefault((version, *metrics.items()), [])
                    names.append(snapshot.name)
    return {
        table: [_to_metrics(key, names) for key, names in sorted(entries.items())] for table, entries in found.items()
    }


def _to_metrics(key: tuple[object, ...], names: list[str]) -> VersionMetrics:
    version, *metrics = key
    return VersionMetrics(version, tuple(names), dict(metrics))  # type: ignore[arg-type]  # as put together above


def _find_version(facts: Facts, table: str, lake: Lake, digest: str) -> int | None:
    """The version of a table that a state was trained on; None if its sources were others."""
    if facts.data.get("lake.json") not in (None, digest):
        return None
    version = facts.data.get(f"version of {table}")
    if isinstance(version, int):
        return version
    wanted = facts.params.get("data.version")
    with suppress(FirelibError):
        return lake.resolve_version(table, wanted if isinstance(wanted, int) else None)
    return None


def open_states(paths: Paths, states: Sequence[str] | None = None) -> Iterator[Snapshot]:
    """Open the working tree and other states of a project.

    Args:
        paths: Where the project is.
        states: Git revisions and experiments; None for the last commit, and all branches, tags and experiments, 30 of
            them at most, without those that cannot be opened.

    Raises:
        FirelibError: A state of `states` does not exist.
    """
    yield open_working_tree(paths.project, paths.recipe)
    if states is not None:
        yield from (open_snapshot(name, paths.project, paths.recipe) for name in states)
        return
    names = list_names(paths.project)
    if len(names) > _MOST_STATES:
        note(f"note: metrics of {_MOST_STATES} of {len(names)} branches, tags and experiments")
    for name in names[:_MOST_STATES]:
        with suppress(FirelibError):
            yield open_snapshot(name, paths.project, paths.recipe)
