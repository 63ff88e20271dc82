"""Workers without Ray: the real loop under the real strategy, many short runs in one start of TensorFlow.

Starting a group under Ray Train takes half a minute; what the loop does with an option does not depend on who
started it. Each worker trains the same list of runs, one after the other, and then waits for the next list.
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
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from firelib import storage
from firelib.config import Environment, Params
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.driver.train_stage import Request, _job
from firelib.train.run_spec import TrainingJob
from firelib.train.worker.devices import worker_environment
from tests.patience import wait_until
from tests.project import ROOT
from tests.train.toy import Toy, write_toy

TOY = Toy()


@dataclass(frozen=True)
class Run:
    """One run of a list.

    Attributes:
        params: How to train.
        recipe: What.
        stop_at: Step from which the worker is told to stop, as by SIGTERM.
        resume: Whether to go on from what the run before, of the same folder, has left.
        folder: Name of the project's folder.
        train_rows: Rows of its training split.
        data: Project whose dataset is taken, in place of the toy's.
        tracking: As FIRELIB_TRACKING.
        profile: As `firelib train --profile`.
        export: Whether to write the model's files at the end, which takes longer than training it.
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
    """What a run left: its progress, the exported weights, what it said and where it lies, or its error."""

    progress: Any
    weights: list[Any]
    reported: Mapping[str, float]
    error: FirelibError | None
    said: list[str]
    job: TrainingJob
    store: CheckpointStore

    @property
    def losses(self) -> list[float]:
        return self.progress.losses


class LocalGroup:
    """Worker processes that import TensorFlow once and train one list of runs after the other."""

    def __init__(self, processes: Sequence["subprocess.Popen[str]"], logs: Sequence[Path]) -> None:
        self._processes, self._logs = processes, logs

    def train(self, project: Path, runs: Sequence[Run], seconds: float = 300) -> list[Outcome]:
        """Train every run, in folders of `project`."""
        folder = Path(tempfile.mkdtemp(dir=project))
        jobs = [_prepare(project, run) for run in runs]
        (folder / "runs.pickle").write_bytes(pickle.dumps(list(zip(runs, jobs, strict=True))))
        for process in self._processes:
            assert process.stdin
            print(folder, file=process.stdin, flush=True)
        wait_until(lambda: self._trained(folder), seconds, f"{len(runs)} runs trained by workers without Ray")
        return [_outcome(folder, index, job) for index, job in enumerate(jobs)]

    def _trained(self, folder: Path) -> bool:
        assert [process.poll() for process in self._processes] == [None] * len(self._processes), self._said()
        return len(list(folder.glob("*.done"))) == len(self._processes)

    def _said(self) -> str:
        return "\n".join(log.read_text()[-3000:] for log in self._logs)


@contextmanager
def local_group(folder: Path, workers: int) -> Iterator[LocalGroup]:
    """Workers that live as long as the block; their logs lie in `folder`."""
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
    """Train every run in a group that ends with it."""
    with local_group(project, workers) as group:
        return group.train(project, runs, seconds)


def _start(log: Path, rank: int, addresses: Sequence[str]) -> "subprocess.Popen[str]":
    env = {**os.environ, **worker_environment(1, on_gpu=False), "PYTHONPATH": str(ROOT)}
    if len(addresses) > 1:
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}
        env["TF_CONFIG"] = json.dumps(cluster)
    command = [sys.executable, "-m", __name__, str(rank), str(len(addresses))]
    with log.open("w") as file:
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, text=True
        )


def _prepare(project: Path, run: Run) -> TrainingJob:
    folder = project / run.folder
    paths = Paths(run.recipe.name, str(folder / "storage"), run.data or folder)
    if not run.data and not paths.manifest.exists():
        write_toy(folder, run.train_rows)
    environment, request = Environment(tracking=run.tracking), Request(profile=run.profile)
    return _job(run.recipe, run.params, environment, paths, read_manifest(str(paths.manifest)), request)


def _outcome(folder: Path, index: int, job: TrainingJob) -> Outcome:
    content = pickle.loads((folder / f"{index}.pickle").read_bytes())
    return Outcome(**content, job=job, store=CheckpointStore(job.run_uri))


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _work(rank: int, workers: int) -> None:
    """Train the lists whose folders come in, until there will be no more."""
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    for line in sys.stdin:
        folder = Path(line.strip())
        for index, (run, job) in enumerate(pickle.loads((folder / "runs.pickle").read_bytes())):
            content = _train_one(run, job, strategy, rank, workers)
            if rank == 0:
                (folder / f"{index}.pickle").write_bytes(pickle.dumps(content))
        (folder / f"{rank}.done").touch()


def _train_one(run: Run, job: TrainingJob, strategy: Any, rank: int, workers: int) -> dict[str, Any]:
    from firelib.tfrecord.read.dataset import open_dataset
    from firelib.train.class_weights import class_weights
    from firelib.train.worker.training_loop import TrainingWorker

    reports: list[Mapping[str, float]] = []
    steps = CheckpointStore(job.run_uri).steps() if run.resume else []
    life = _Life(run.stop_at)
    content: dict[str, Any] = {"error": None, "weights": [], "reported": {}, "progress": None, "said": life.said}
    try:
        table = class_weights(run.params.train, open_dataset(job.manifest))
        job = replace(job, resume=steps[-1] if steps else None, class_weights=table)
        if not run.resume and rank == 0:
            storage.remove_folder(job.run_uri)
        worker = TrainingWorker(job, strategy, life, rank, workers, lambda metrics, _: reports.append(metrics))
        with nullcontext() if run.export else patch("firelib.train.worker.training_loop.export"):
            worker.run()
        content.update(weights=worker._model.get_weights(), reported=dict(reports[-1]), progress=worker._progress)
    except FirelibError as error:
        content["error"] = error
    return content


class _Life(SimpleNamespace):
    """In place of the heartbeat: there is no driver here."""

    def __init__(self, stop_at: int | None) -> None:
        super().__init__(stop_at=stop_at, moves=0, stop_wanted=stop_at == 0, said=[])

    def move(self) -> None:
        self.moves += 1
        self.stop_wanted = self.stop_at is not None and self.moves >= self.stop_at

    def say(self, text: str) -> None:
        self.said.append(text)

    def show(self, standing: Any) -> None:
        pass


if __name__ == "__main__":
    _work(int(sys.argv[1]), int(sys.argv[2]))
