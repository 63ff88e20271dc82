"""W&B runs on this machine: read from their `.wandb` files, without any network.

All folders of one run, one for each attempt that was started, are one tracked run. A step that two of them hold is
counted, since W&B would show it twice.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firelib.extras import missing_modules
from firelib.train.tracking.wandb_log import TornLogError, read_log

_STEP = "_step"


@dataclass
class WandbRun:
    """A tracked run.

    Attributes:
        id: Its id.
        project: Name of the W&B project.
        name: Its display name: the id of the run of firelib.
        group: Name of the tuning that it belongs to; otherwise empty.
        attempts: Number of folders, one for each start.
        unreadable: What is wrong with a file that ends in the middle of a record, as after a kill.
        history: Step → figures that were logged.
        repeated: Steps that more than one record holds.
        summary: Figures of the whole run.
        system: Name of a system metric → values in the order of time.
        is_finished: Whether the last attempt ended by itself.
    """

    id: str
    project: str = ""
    name: str = ""
    group: str = ""
    attempts: int = 0
    unreadable: list[str] = field(default_factory=list)
    history: dict[int, dict[str, float]] = field(default_factory=dict)
    repeated: Counter[int] = field(default_factory=Counter)
    summary: dict[str, Any] = field(default_factory=dict)
    system: dict[str, list[float]] = field(default_factory=dict)
    is_finished: bool = False

    @property
    def missing_steps(self) -> list[int]:
        """Steps between 1 and the last one that no record holds."""
        return sorted(set(range(1, max(self.history, default=0) + 1)) - set(self.history))


def find_files(project: Path) -> list[Path]:
    """The files of all runs that were tracked in a project, oldest first: folders are named by their time."""
    files = (project / "wandb" / "wandb").glob("*run-*/run-*.wandb")
    return sorted(files, key=lambda file: file.parent.name.removeprefix("offline-"))


def find_last_step(project: Path, run_id: str) -> int | None:
    """The last step that the files of a run hold; None if the project has no file of it.

    A kill loses the end of a file, so that all steps before the last one are there.

    Args:
        project: The project's folder.
        run_id: Id of the W&B run.
    """
    files = [file for file in find_files(project) if file.stem == f"run-{run_id}"]
    run = WandbRun(run_id)
    for file in files:
        for record in _scan(file, run):
            if record.WhichOneof("record_type") == "history":
                _add_step(record.history, run)
    return max(run.history, default=0) if files else None


def mark_empty_files(project: Path, run_id: str) -> list[Path]:
    """Have `wandb sync` skip the files of a run that hold no record, for which it shows an error: a kill leaves them.

    W&B's own mark of an uploaded file says so; nothing is removed.

    Args:
        project: The project's folder.
        run_id: Id of the W&B run; none of its files is being written.

    Returns:
        The files that are marked. A folder that cannot be written, such as that of another user, is left as it is.
    """
    empty = [file for file in find_files(project) if file.stem == f"run-{run_id}" and not _holds_records(file)]
    return [file for file in empty if _mark(file.with_suffix(".wandb.synced"))]


def _mark(file: Path) -> bool:
    try:
        file.touch()
    except OSError:
        return False
    return True


def _holds_records(file: Path) -> bool:
    try:
        return next(read_log(file), None) is not None
    except TornLogError:
        return False


def read_runs(project: Path, name: str | None = None) -> list[WandbRun]:
    """Read the tracked runs of a project.

    Args:
        project: The project's folder.
        name: Display name of the runs to return; None for all.

    Returns:
        The runs, those that were started last at the end.

    Raises:
        FirelibError: The package `wandb` is missing.
    """
    runs: dict[str, WandbRun] = {}
    for file in find_files(project):
        attempt = file.stem.removeprefix("run-")
        run = runs.setdefault(attempt, WandbRun(attempt))
        run.attempts, run.is_finished = run.attempts + 1, False
        for record in _scan(file, run):
            _apply(record, run)
    return [run for run in runs.values() if name is None or run.name == name]


def _scan(file: Path, run: WandbRun) -> Iterator[Any]:
    """The records of a file, up to the first that is torn."""
    try:
        from google.protobuf.message import DecodeError
        from wandb.proto.wandb_internal_pb2 import Record
    except ImportError:
        raise missing_modules(["wandb"], ["train"], "reading the runs of W&B") from None
    try:
        for data in read_log(file):
            record = Record()
            record.ParseFromString(data)
            yield record
    except (TornLogError, DecodeError) as error:
        run.unreadable.append(f"{file.parent.name}: {error}")


def _apply(record: Any, run: WandbRun) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        run.project, run.name, run.group = record.run.project, record.run.display_name, record.run.run_group
    elif kind == "history":
        _add_step(record.history, run)
    elif kind == "summary":
        run.summary |= _to_values(record.summary.update)
    elif kind == "stats":
        for name, value in _figures(_to_values(record.stats.item)).items():
            run.system.setdefault(name, []).append(value)
    elif kind == "exit":
        run.is_finished = record.exit.exit_code == 0


def _add_step(history: Any, run: WandbRun) -> None:
    values = _to_values(history.item)
    step = int(values.get(_STEP, history.step.num))
    if step in run.history:
        run.repeated[step] += 1
    run.history.setdefault(step, {}).update(
        {name: value for name, value in _figures(values).items() if not name.startswith("_")}
    )


def _to_values(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _figures(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, int | float)}
