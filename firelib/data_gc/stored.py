"""What the storage root holds: shards, records and samples of recipes, datasets, superseded tables, runs."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from firelib import storage
from firelib.data.versions.superseded_table import parse_superseded
from firelib.dataset_store import is_single_dataset, is_stored_object
from firelib.train.run_spec import INPUTS

#: `dataset` is a dataset that an earlier version stored in a folder of its own. `shards` are those of all datasets of a
#: recipe, `records` what is known about its generations, and `samples` what drift is measured with: of these folders,
#: files go one by one.
Kind = Literal["shards", "records", "samples", "dataset", "table", "run"]
_RUN = re.compile(r".+-[0-9a-f]{12}")
_OWN_FILES = {
    "table": re.compile(r"_delta_log/.+|part-[^/]+\.parquet"),
    "run": re.compile(
        rf"(step-\d{{10}}|export|tensorboard)/.+|({INPUTS}|(finished|tracked|checkpoint_manager_snapshot)\.json)"
    ),
}
_TIMES = ("LastModified", "mtime", "updated", "created")  # in the listings of fsspec's file systems


@dataclass(frozen=True)
class StoredItem:
    """A folder below the storage root.

    Attributes:
        kind: What it holds.
        name: Its path below the folder of its kind, such as `flights/planes.superseded-0a1b2c3d`.
        uri: The folder.
        sizes: Path of each file, relative to the folder → size in bytes.
        times: Path of each file → when it was written, in seconds since 1970, by the clock of the storage.
    """

    kind: Kind
    name: str
    uri: str
    sizes: Mapping[str, int]
    times: Mapping[str, float]

    @property
    def written(self) -> float:
        """When the newest file was written."""
        return max(self.times.values())

    @property
    def foreign_file(self) -> str | None:
        """A file that firelib did not write, by its name; None if there is none."""
        if self.kind == "dataset":
            return next((file for file in self.sizes if not is_stored_object(f"{self.name}/{file}")), None)
        return next((file for file in self.sizes if not _OWN_FILES[self.kind].fullmatch(file)), None)


def list_items(root: str) -> Iterator[StoredItem]:
    """List what the storage root holds, except what firelib never collects: tables in use, jobs, scratch.

    Args:
        root: The storage root.
    """
    for item in _group("shards", storage.join(root, "datasets"), 1):
        yield replace(item, kind="dataset") if is_single_dataset(item.name) else item
    yield from _group("records", storage.join(root, "generations"), 1)
    yield from _group("samples", storage.join(root, "samples"), 1)
    yield from (item for item in _group("table", storage.join(root, "lake"), 2) if superseded_table(item.name))
    yield from (item for item in _group("run", storage.join(root, "runs"), 1) if _RUN.fullmatch(item.name))


def superseded_table(name: str) -> str | None:
    """Name of the table that a superseded one had before it was renamed; None for another folder.

    Args:
        name: Recipe and folder, such as `flights/planes.superseded-0a1b2c3d`.
    """
    return parse_superseded(name.partition("/")[2])


def _group(kind: Kind, folder: str, levels: int) -> Iterator[StoredItem]:
    fs, path = storage.filesystem(folder)
    with storage.explain_storage(folder):
        found: dict[str, dict[str, Any]] = fs.find(path, detail=True) if fs.exists(path) else {}
    groups: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for name, info in found.items():
        parts = name.removeprefix(path).strip("/").split("/")
        if len(parts) > levels:
            groups["/".join(parts[:levels])]["/".join(parts[levels:])] = info
    for name, files in sorted(groups.items()):
        sizes = {file: int(info["size"] or 0) for file, info in files.items()}
        times = {file: _written(info) for file, info in files.items()}
        yield StoredItem(kind, name, storage.join(folder, name), sizes, times)


def _written(info: Mapping[str, Any]) -> float:
    """When a file was written; infinity, which is too young to be removed, if the listing does not tell."""
    value = next((info[name] for name in _TIMES if info.get(name) is not None), None)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return float("inf") if value is None else value.timestamp() if isinstance(value, datetime) else float(value)
