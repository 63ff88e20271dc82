"""A state of the data that the command line names: a version of the tables, or a git revision."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from firelib.compare.facts import read_params
from firelib.compare.snapshot import Snapshot, open_snapshot
from firelib.data.lake import Lake, read_lake
from firelib.data.versions.pinned_table import PinnedTable, find_tables
from firelib.errors import FirelibError, find_merge_conflict
from firelib.project_layout import Paths


@dataclass(frozen=True)
class DataState:
    """A state of the data.

    Attributes:
        name: What to call it.
        tables: Table name → the table at a version.
    """

    name: str
    tables: dict[str, PinnedTable]

    @property
    def rows(self) -> int:
        """Number of rows of the largest table."""
        return max(table.rows for table in self.tables.values())


def open_state(name: str | None, paths: Paths, version: int | None = None) -> DataState:
    """Open a state of the data.

    Args:
        name: A version of the tables that grow, such as `5`; the folder of a model, such as `models/flights`, for the
            versions that it was trained on; otherwise a git revision or a DVC experiment, whose lake.json and
            `data.version` count. None is the working tree.
        paths: Where lake.json and the lake are.
        version: `data.version` of the working tree.

    Raises:
        FirelibError: There is no such version or revision; or the revision has no lake.json, or the lake does not have
            the rows that it pins.
    """
    if name is None or name.isdecimal():
        lake = read_lake(paths.lake_json)
        wanted = version if name is None else int(name)
        _check_version(lake, wanted)
        shown = "the newest version" if wanted is None else f"version {wanted}"
        return DataState(shown, find_tables(lake, lake.resolve_versions(wanted), paths.lake))
    snapshot = open_snapshot(name, paths.project, paths.recipe)
    lake, versions = _read_model(snapshot, paths) if snapshot.is_model else _read_revision(snapshot, paths)
    return DataState(name, find_tables(lake, versions, paths.lake))


def _check_version(lake: Lake, wanted: int | None) -> None:
    newest = {table: record.version for table, record in lake.tables.items() if record.version}
    lacking = {table: version for table, version in newest.items() if wanted is not None and wanted > version}
    if lacking or (wanted and not newest):
        have = ", ".join(f"table {table!r} has versions 0 to {version}" for table, version in lacking.items())
        raise FirelibError(
            f"there is no version {wanted}: {have or 'every table has only version 0'}",
            where="the command line",
            remedy="name a version that firelib data log lists, or a git revision",
        )


def _read_model(snapshot: Snapshot, paths: Paths) -> tuple[Lake, dict[str, int]]:
    """The versions that a model was trained on, of the tables that lake.json pins."""
    lake = read_lake(paths.lake_json)
    tables = _parse(snapshot.read(f"models/{snapshot.recipe}/lineage.json"), snapshot).get("data", {}).get("tables", {})
    unknown = {name for name in lake.tables if not 0 <= tables.get(name, -1) <= lake.tables[name].version}
    if unknown:
        raise FirelibError(
            f"the model was trained on versions of {', '.join(sorted(unknown))} that lake.json lacks",
            where=snapshot.name,
            remedy="name the git revision that the model was trained in",
        )
    return lake, {name: tables[name] for name in lake.tables}


def _read_revision(snapshot: Snapshot, paths: Paths) -> tuple[Lake, dict[str, int]]:
    file = f"data/{paths.recipe}/lake.json"
    content = snapshot.read(file)
    if content is None:
        raise FirelibError(
            f"{snapshot.name} has no {file}, neither in git nor in DVC's cache",
            where=str(paths.project),
            remedy="dvc fetch --all-commits fetches those of a remote; or name a version: firelib data diff 4 5",
        )
    try:
        lake = Lake.model_validate(_parse(content, snapshot))
    except ValidationError:
        raise _invalid(snapshot) from None
    version = read_params(snapshot, {}).get("data.version")
    return lake, lake.resolve_versions(version if isinstance(version, int) else None)


def _parse(content: bytes | None, snapshot: Snapshot) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = json.loads(content or b"")
    except ValueError:
        raise find_merge_conflict(content or b"", snapshot.name) or _invalid(snapshot) from None
    return parsed


def _invalid(snapshot: Snapshot) -> FirelibError:
    return FirelibError(
        "lake.json or lineage.json is not what firelib writes", where=snapshot.name, remedy="name another state"
    )
