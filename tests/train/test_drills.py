"""Failure drills of `firelib train`: driver, worker and controller are killed, a checkpoint is torn, a worker hangs."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

from firelib import storage
from firelib.tfrecord.read.dataset import open_dataset
from firelib.train.checkpoint.serialization import load
from firelib.train.checkpoint.store import CheckpointStore
from tests.patience import patience, wait_until
from tests.project import ROOT
from tests.train.local_group import Run
from tests.train.toy import fed_rows, toy_params, write_toy

EPOCHS = 40
STEPS = 16
START = 300.0  # seconds until workers train
SETTINGS = {"checkpoint": {"every_steps": 5}, "hang_seconds": patience(15)}

pytestmark = pytest.mark.integration


class Project:
    """A project in which `firelib train` runs as a user would start it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fed, self.pids = folder, folder / "fed", folder / "pids"
        self._drivers: list[subprocess.Popen[bytes]] = []
        self.fed.mkdir(parents=True)
        self.pids.mkdir()
        self.paths = write_toy(folder)
        params = toy_params(epochs=EPOCHS, train=SETTINGS, fed=str(self.fed), pids=str(self.pids))
        (folder / "params.yaml").write_text(
            yaml.safe_dump({**params.model_dump(mode="json"), "recipe": "tests.train.toy"})
        )

    def start(self, **environment: str) -> "subprocess.Popen[bytes]":
        own = {"PYTHONPATH": str(ROOT), "FIRELIB_TRACKING": "none", "FIRELIB_NUM_CPUS": "2"}
        command = [str(Path(sys.executable).parent / "firelib"), "train"]
        self.forget_log()
        with (self.folder / "log").open("ab") as log:
            driver = subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, **own, **environment}, stdout=log, stderr=log
            )
        self._drivers.append(driver)
        return driver

    def end(self) -> None:
        """Kill every driver that was started."""
        for driver in self._drivers:
            driver.kill()
            driver.wait()

    @property
    def log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def forget_log(self) -> None:
        self._logged = len(self.log)

    @property
    def training(self) -> bool:
        """Whether the newest driver's workers take steps. Workers of a killed driver may go on for seconds."""
        return re.search(r"train: [\d,]+/", self.log[self._logged :]) is not None

    @property
    def store(self) -> CheckpointStore:
        (run,) = Path(self.paths.runs).iterdir()
        return CheckpointStore(str(run))

    @property
    def newest(self) -> int:
        runs = Path(self.paths.runs)
        return max([0, *self.store.steps()]) if runs.exists() and list(runs.iterdir()) else 0

    @property
    def started_workers(self) -> int:
        """How many workers have begun to build the model, over all drivers."""
        return len(list(self.pids.iterdir()))

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition while the newest driver runs."""

        def reached() -> object:
            assert self._drivers[-1].poll() is None, self.log
            return condition()

        wait_until(reached, START, what)

    def wait_for_step(self, step: int) -> None:
        self.wait(lambda: self.newest >= step and self.training, f"a checkpoint of step {step}")

    def signal_a_worker(self, number: signal.Signals) -> None:
        """Send a signal to one of the newest workers."""
        pid = max(self.pids.iterdir(), key=lambda file: file.stat().st_mtime_ns).name
        os.kill(int(pid), number)

    def finished(self, code: int) -> None:
        assert self._drivers[-1].wait(patience(START)) == code, self.log


def descendants(driver: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return psutil.Process(driver.pid).children(recursive=True)


@pytest.fixture(scope="module")
def drilled(ray_cluster, tmp_path_factory):
    """One run that suffers every failure in turn."""
    import ray

    shared = {"RAY_ADDRESS": ray.get_runtime_context().gcs_address, "RAY_AUTH_MODE": "token"}
    project = Project(tmp_path_factory.mktemp("drill"))
    try:
        orphans = kill_the_driver(project)
        kill_a_worker_then_stop(project, shared)
        tear_the_newest_checkpoint(project)
        kill_the_controller_then_freeze_two_workers(project, shared)
        # Ray's two agents retry for a minute before they end; the workers end at once.
        project.survivors = psutil.wait_procs(orphans, timeout=patience(90))[1]
    finally:
        project.end()
    return project


def kill_the_driver(project: Project) -> list[psutil.Process]:
    """SIGKILL for a driver with embedded Ray, which must end too."""
    driver = project.start()
    project.wait_for_step(20)
    orphans = descendants(driver)
    driver.kill()
    driver.wait()
    return orphans


def kill_a_worker_then_stop(project: Project, shared: dict[str, str]) -> None:
    """SIGKILL for a worker, after which the run restarts by itself; then SIGTERM for the driver."""
    driver = project.start(**shared)
    project.wait_for_step(project.newest + 10)
    before = project.started_workers
    project.signal_a_worker(signal.SIGKILL)
    killed_at = project.newest
    project.forget_log()  # SIGTERM must come after the new workers train
    project.wait(lambda: project.started_workers == before + 2, "two new workers")
    project.wait_for_step(killed_at + 20)
    driver.send_signal(signal.SIGTERM)
    project.finished(75)
    project.after_sigterm = project.newest
    project.progress_after_sigterm = load(project.store.uri(project.newest))[1]


def tear_the_newest_checkpoint(project: Project) -> None:
    torn = Path(project.store.uri(project.newest), "state.npz")
    torn.write_bytes(torn.read_bytes()[:-100])


def kill_the_controller_then_freeze_two_workers(project: Project, shared: dict[str, str]) -> None:
    """SIGKILL for Ray Train's controller, whose workers occupy all CPUs; then SIGSTOP for two of the new workers.

    A stopped process keeps its connections open and never responds again. The first one stops while it builds the
    model with its peer, the second one while it trains.
    """
    project.start(**shared)
    project.wait_for_step(project.after_sigterm + 10)
    before = project.started_workers
    (controller,) = [process for process in psutil.Process().children(recursive=True) if is_controller(process)]
    controller.kill()
    killed_at = project.newest
    project.forget_log()  # the workers of the killed controller have shown that they train
    project.wait(lambda: project.started_workers == before + 2, "two workers after the controller")
    project.signal_a_worker(signal.SIGSTOP)
    project.wait(lambda: project.started_workers == before + 4, "two workers after the one that froze early")
    project.wait_for_step(killed_at + 10)
    project.signal_a_worker(signal.SIGSTOP)
    project.finished(0)


def is_controller(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[0].startswith("ray::TrainController")
    except (psutil.Error, IndexError):
        return False


@pytest.fixture(scope="module")
def undisturbed(lone_worker, tmp_path_factory):
    """The same run on one worker without Ray and without failures."""
    folder = tmp_path_factory.mktemp("undisturbed")
    fed = folder / "fed"
    fed.mkdir()
    return lone_worker.train(folder, [Run(toy_params(epochs=EPOCHS, train=SETTINGS, fed=str(fed)))])[0]


def test_nothing_outlives_a_killed_driver(drilled):
    assert drilled.survivors == []


def test_lost_workers_are_replaced(drilled):
    """Two workers for each of three commands, and after the killed worker, the killed controller and both hangs."""
    lost_checkpoints = drilled.log.count("lost the checkpoint of step")  # pruned by workers of the killed driver
    assert drilled.started_workers == (7 + lost_checkpoints) * 2
    timing = storage.read_json(str(drilled.paths.model / "timing.json"))
    assert timing["restarts"] == 3, "of the last command: the controller and both hangs"


def test_sigterm_saves_a_checkpoint(drilled):
    assert drilled.after_sigterm == drilled.progress_after_sigterm.step > 0


def test_torn_checkpoint_is_removed(drilled):
    assert re.search(rf"removing .*checkpoint of step {drilled.after_sigterm}\b", drilled.log)


def test_result_equals_a_run_without_failures(drilled, undisturbed):
    assert_same_result(drilled, undisturbed)


def assert_same_result(project, undisturbed):
    values, progress = load(project.store.uri(EPOCHS * STEPS))
    assert progress.step == EPOCHS * STEPS
    np.testing.assert_allclose(progress.losses, undisturbed.losses, rtol=1e-5)
    for a, b in zip(values, undisturbed.weights, strict=False):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_every_row_is_trained_once_per_epoch(drilled):
    """According to the rows that the workers recorded, the last time that each step was trained."""
    rows = open_dataset(str(drilled.paths.manifest)).as_numpy("train")
    expected = Counter(map(shown, rows["number"], rows["word"].astype(str)))
    shares = fed_rows(drilled.fed)
    for epoch in range(EPOCHS):
        fed = [row for step in range(STEPS) for row in batch(shares[epoch * STEPS + step + 1], 64 if step < 15 else 40)]
        assert Counter(shown(*row.split("|")) for row in fed) == expected


def batch(shares: list[list[str]], size: int) -> list[str]:
    """The rows of a step, the last time that all workers trained it."""
    rows: list[str] = []
    while len(rows) < size:
        rows += shares.pop(0)
    assert len(rows) == size
    return rows


@pytest.mark.slow
def test_ten_kills_at_random_moments_do_not_change_the_result(tmp_path, undisturbed):
    """Kill the driver or a worker at any moment of start-up or training."""
    project = Project(tmp_path)
    random = np.random.default_rng()
    driver = project.start()
    try:
        for _ in range(10):
            time.sleep(random.uniform(5, 40))
            if driver.poll() is not None:
                break
            workers = [process for process in descendants(driver) if "RayTrainWorker" in " ".join(process.cmdline())]
            victim = random.choice([*workers, psutil.Process(driver.pid)])
            victim.kill()
            if victim.pid == driver.pid:
                driver.wait()
                driver = project.start()
        if driver.wait(patience(START)) != 0:
            project.start()
            project.finished(0)
    finally:
        project.end()
    assert_same_result(project, undisturbed)


def shown(number: float | str, word: str) -> str:
    return f"{np.float32(number):.6g} {word}"
