"""A state of the data that the command line names: a version of the tables, or a git revision."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from firelib.compare.facts import read_params
from firelib.compare.snapshot import open_snapshot
from firelib.data.lake import Lake, read_lake
from firelib.data.versions.pinned_table import PinnedTable, find_tables
from firelib.errors import FirelibError
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
        name: A version of the tables that grow, such as `5`; otherwise a folder, a git revision or a DVC experiment,
            whose lake.json and `data.version` count. None is the working tree.
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
    else:
        lake, wanted = _read_revision(name, paths)
        shown = name
    return DataState(shown, find_tables(lake, lake.resolve_versions(wanted), paths.lake))


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


def _read_revision(name: str, paths: Paths) -> tuple[Lake, int | None]:
    snapshot, file = open_snapshot(name, paths.project, paths.recipe), f"data/{paths.recipe}/lake.json"
    content = snapshot.read(file)
    if content is None:
        raise FirelibError(
            f"{snapshot.name} has no {file}, neither in git nor in DVC's cache",
            where=str(Path(paths.project)),
            remedy="dvc fetch --all-commits fetches those of a remote; or name a version: firelib data diff 4 5",
        )
    try:
        lake = Lake.model_validate(json.loads(content))
    except (ValueError, ValidationError):
        raise FirelibError(
            f"{file} of {snapshot.name} is not a valid lake.json", where=snapshot.name, remedy="name another revision"
        ) from None
    version = read_params(snapshot, {}).get("data.version")
    return lake, version if isinstance(version, int) else None
