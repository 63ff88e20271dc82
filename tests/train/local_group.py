"""Workers without Ray: the real training loop under the real strategy, many short runs after one TensorFlow import.

Starting a group under Ray Train takes half a minute, and the loop does the same without Ray. Each worker trains the
same list of runs, one after the other, and then waits for the next list.
"""

import json
import os
import pickle
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from firelib import storage
from firelib.config import Environment, Params
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.attempt import Attempt
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.driver.train_stage import TrainOptions, build_run_spec
from firelib.train.progress_actor import ProgressSnapshot
from firelib.train.run_spec import RunSpec
from firelib.train.worker.devices import build_worker_environment
from firelib.train.worker.heartbeat import Heartbeat
from tests.patience import wait_until
from tests.project import ROOT
from tests.train.toy import Toy, write_toy

TOY = Toy()


@dataclass(frozen=True)
class Run:
    """One run of a list.

    Attributes:
        params: Content of params.yaml.
        recipe: The recipe.
        stop_at: Step after which the worker is asked to stop, as by SIGTERM.
        resume: Whether to resume from the checkpoints of an earlier run in the same folder.
        folder: Name of the project's folder.
        train_rows: Rows of the training split.
        data: Project whose dataset is used instead of the toy's.
        tracking: Value of FIRELIB_TRACKING.
        profile: Whether `firelib train --profile` is given.
        export: Whether to export the model, which takes longer than training it.
    """

    params: Params
    recipe: Recipe = TOY
    stop_at: int | None = None
    resume: bool = False
    folder: str = "toy"
    train_rows: int = 1000
    data: Path | None = None
    tracking: str = "none"
    profile: bool = False
    export: bool = False


@dataclass(frozen=True)
class Outcome:
    """Result of a run: its progress, final weights and notes, or its error."""

    progress: Any
    weights: list[Any]
    reported: Mapping[str, float]
    error: FirelibError | None
    notes: list[str]
    spec: RunSpec
    store: CheckpointStore

    @property
    def losses(self) -> list[float]:
        return self.progress.losses


class LocalGroup:
    """Worker processes that import TensorFlow once and train one list of runs after another."""

    def __init__(self, processes: Sequence["subprocess.Popen[str]"], logs: Sequence[Path]) -> None:
        self._processes, self._logs = processes, logs

    def train(self, project: Path, runs: Sequence[Run], seconds: float = 300) -> list[Outcome]:
        """Train every run, in folders of `project`."""
        folder = Path(tempfile.mkdtemp(dir=project))
        specs = [_prepare(project, run) for run in runs]
        (folder / "runs.pickle").write_bytes(pickle.dumps(list(zip(runs, specs, strict=True))))
        for process in self._processes:
            assert process.stdin
            print(folder, file=process.stdin, flush=True)
        wait_until(lambda: self._has_trained(folder), seconds, f"{len(runs)} runs trained by workers without Ray")
        return [_read_outcome(folder, index, spec) for index, spec in enumerate(specs)]

    def _has_trained(self, folder: Path) -> bool:
        assert [process.poll() for process in self._processes] == [None] * len(self._processes), self._read_logs()
        return len(list(folder.glob("*.done"))) == len(self._processes)

    def _read_logs(self) -> str:
        return "\n".join(log.read_text()[-3000:] for log in self._logs)


@contextmanager
def local_group(folder: Path, workers: int) -> Iterator[LocalGroup]:
    """Workers that run during the block; their logs are in `folder`."""
    logs = [folder / f"{rank}.log" for rank in range(workers)]
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    processes = [_start(log, rank, addresses) for rank, log in enumerate(logs)]
    try:
        yield LocalGroup(processes, logs)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def train_locally(project: Path, runs: Sequence[Run], workers: int = 1, seconds: float = 300) -> list[Outcome]:
    """Train every run in a new group, which ends afterwards."""
    with local_group(project, workers) as group:
        return group.train(project, runs, seconds)


def _start(log: Path, rank: int, addresses: Sequence[str]) -> "subprocess.Popen[str]":
    env = {**os.environ, **build_worker_environment(1, on_gpu=False), "PYTHONPATH": str(ROOT)}
    if len(addresses) > 1:
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
        env["TF_CONFIG"] = json.dumps(cluster)
    command = [sys.executable, "-m", __name__, str(rank), str(len(addresses))]
    with log.open("w") as file:
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, text=True
        )


def _prepare(project: Path, run: Run) -> RunSpec:
    folder = project / run.folder
    paths = Paths(run.recipe.name, str(folder / "storage"), run.data or folder)
    if not run.data and not paths.manifest.exists():
        write_toy(folder, run.train_rows)
    environment, options = Environment(tracking=run.tracking), TrainOptions(profile=run.profile)
    return build_run_spec(run.recipe, run.params, environment, paths, read_manifest(str(paths.manifest)), options)


def _read_outcome(folder: Path, index: int, spec: RunSpec) -> Outcome:
    content = pickle.loads((folder / f"{index}.pickle").read_bytes())
    return Outcome(**content, spec=spec, store=CheckpointStore(spec.run_uri))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _work(rank: int, workers: int) -> None:
    """Train the lists of runs whose folders arrive on standard input, until it is closed."""
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    for line in sys.stdin:
        folder = Path(line.strip())
        for index, (run, spec) in enumerate(pickle.loads((folder / "runs.pickle").read_bytes())):
            content = _train_one(run, spec, strategy, rank, workers)
            if rank == 0:
                (folder / f"{index}.pickle").write_bytes(pickle.dumps(content))
        (folder / f"{rank}.done").touch()


def _train_one(run: Run, spec: RunSpec, strategy: Any, rank: int, workers: int) -> dict[str, Any]:
    from firelib.tfrecord.read.dataset import open_dataset
    from firelib.train.class_weights import compute_class_weights
    from firelib.train.worker.training_loop import TrainingWorker

    reports: list[Mapping[str, float]] = []
    steps = CheckpointStore(spec.run_uri).steps() if run.resume else []
    attempt, heartbeat = Attempt(workers, resume_step=steps[-1] if steps else None), FakeHeartbeat(run.stop_at)
    content: dict[str, Any] = {
        "error": None,
        "weights": [],
        "reported": {},
        "progress": None,
        "notes": heartbeat.notes,
    }
    try:
        table = compute_class_weights(run.params.train, open_dataset(spec.manifest))
        spec = replace(spec, class_weights=table)
        if not run.resume and rank == 0:
            storage.remove_folder(spec.run_uri)
        worker = TrainingWorker(spec, attempt, strategy, heartbeat, rank, lambda metrics, _: reports.append(metrics))
        with nullcontext() if run.export else patch("firelib.train.worker.training_loop.export"):
            worker.run()
        content.update(weights=worker._model.get_weights(), reported=dict(reports[-1]), progress=worker._progress)
    except FirelibError as error:
        content["error"] = error
    return content


class FakeHeartbeat(Heartbeat):
    """A heartbeat without a driver: keeps the notes, and asks to stop at a step."""

    def __init__(self, stop_at: int | None) -> None:
        self.stop_at, self.progress, self.stop_requested = stop_at, 0, stop_at == 0
        self.notes: list[str] = []

    def record_progress(self) -> None:
        self.progress += 1
        self.stop_requested = self.stop_at is not None and self.progress >= self.stop_at

    def note(self, text: str) -> None:
        self.notes.append(text)

    def show_progress(self, snapshot: ProgressSnapshot) -> None:
        pass


if __name__ == "__main__":
    _work(int(sys.argv[1]), int(sys.argv[2]))
