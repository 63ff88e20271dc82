"""Measure a project's stages on this machine, in a folder of their own: `firelib plan --measure`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from firelib.config import Params
from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.client.capacity.measured import read_measured
from firelib.machine import describe_load, is_busy, usable_cores
from firelib.project_layout import Paths
from firelib.stage_records.stage_record import StageRecord
from firelib.stage_records.store import write_record

_ROWS = 2_000_000  # of the larger transform: a few seconds' work that the fixed seconds do not hide
_MOST_COPIES = 1000
_NOT_HERE = ("FIRELIB_RAY_ADDRESS", "FIRELIB_SUBMIT", "RAY_ADDRESS", "FIRELIB_STOPPED_FILE")


@dataclass(frozen=True)
class Step:
    """One command of a calibration.

    Attributes:
        command: The stage and its options.
        changes: Section → parameters that differ from the project's.
        workers: Training workers.
    """

    command: tuple[str, ...]
    changes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    workers: int = 1

    def __str__(self) -> str:
        values = [f"{name}={value}" for section in self.changes.values() for name, value in section.items()]
        return " ".join([*self.command, *values, *([f"workers={self.workers}"] if self.command[0] == "train" else [])])


def calibrate(params: Params, paths: Paths) -> list[StageRecord]:
    """Run extract once, transform with two numbers of rows, and an epoch of training with one and with two workers.

    Everything is written into a temporary folder. The runs are recorded in the project.

    Args:
        params: Parameters of the project's recipe.
        paths: The recipe's files.

    Returns:
        The runs.

    Raises:
        FirelibError: A stage fails.
    """
    if is_busy():
        note(f"this machine is busy ({describe_load()}): the plan will promise too little")
    with tempfile.TemporaryDirectory(prefix="firelib-measure-") as folder:
        first = [_measure(Step(("extract",)), params, paths, folder)]
        first.append(_measure(Step(("transform", "--fresh"), {"data": {"scale": 1}}), params, paths, folder))
        steps = _list_steps(params, first[-1].rows)
        runs = [*first, *(_measure(step, params, paths, folder) for step in steps)]
    for run in runs:
        write_record(paths.project, paths.recipe, run)
    return runs


def _measure(step: Step, params: Params, paths: Paths, folder: str) -> StageRecord:
    note(f"measuring: {step}")
    return run_step(step, params, paths, Path(folder))


def _list_steps(params: Params, rows: int) -> Iterator[Step]:
    """Yield the commands after the first transform, which has made some rows."""
    copies = max(2, min(_MOST_COPIES, ceil(_ROWS / rows)))
    yield Step(("transform", "--fresh"), {"data": {"scale": copies}})
    batch, epoch = params.train.global_batch_size, {"epochs": 1, "device": "cpu"}  # plans have no GPUs
    yield Step(("train", "--fresh"), {"train": epoch})
    if batch > 1:
        yield Step(("train", "--fresh"), {"train": {**epoch, "global_batch_size": batch // 2}})
    if usable_cores() >= 2 * params.train.cpus_per_worker and batch > 1:
        yield Step(("train", "--fresh"), {"train": epoch}, workers=2)


def run_step(step: Step, params: Params, paths: Paths, folder: Path) -> StageRecord:
    """Run a stage of a project in another folder, which keeps its files for the next stage.

    Args:
        step: The command.
        params: Parameters of the project's recipe.
        paths: The recipe's files in the project.
        folder: The other folder.

    Returns:
        The run as the stage has recorded it, without its tasks.

    Raises:
        FirelibError: The stage fails, or did not record its run.
    """
    before = read_measured(folder, paths.recipe)
    (folder / "params.yaml").write_text(write_params(params, step.changes))
    command = [sys.executable, "-m", "firelib", "--params", str(folder / "params.yaml"), *step.command]
    done = subprocess.run(  # noqa: S603  our own command
        command, cwd=paths.project, env=_environment(step, paths, folder), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise _explain(step, f"failed with exit code {done.returncode}: {done.stderr.strip()[-1500:]}")
    recorded = [run for run in read_measured(folder, paths.recipe) if run not in before]
    if not recorded:
        raise _explain(step, "recorded nothing: it restarted, or had nothing to do")
    return recorded[-1].model_copy(update={"origin": "calibration", "totals": (), "tasks": ()})


def write_params(params: Params, changes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the content of a params.yaml with the same parameters, but for some changes.

    Args:
        params: Parameters of a recipe.
        changes: Section → parameters that differ.
    """
    content = params.model_dump(exclude_defaults=True)
    for section, values in changes.items():
        content[section] = {**content[section], **values}
    return yaml.safe_dump(_quote_dates(content))


def _quote_dates(value: Any) -> Any:
    """The same value with dates as text: params.yaml refuses those without quotes."""
    if isinstance(value, dict):
        return {key: _quote_dates(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_quote_dates(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def _explain(step: Step, problem: str) -> FirelibError:
    return FirelibError(
        f"{step} {problem}",
        where="firelib plan --measure",
        remedy=f"run firelib {step.command[0]} in the project: it must succeed before it can be measured",
    )


def _environment(step: Step, paths: Paths, folder: Path) -> dict[str, str]:
    """The variables of a command: on this machine, with files that the project has downloaded already."""
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_HERE}
    own = {
        "FIRELIB_STORAGE_ROOT": str(folder / "storage"),
        "FIRELIB_TRACKING": "none",
        "FIRELIB_WORKERS": str(step.workers),
    }
    if paths.downloads.is_dir():
        own["FIRELIB_SOURCES"] = kept.get("FIRELIB_SOURCES", str(paths.downloads))
    return {**kept, **own}
