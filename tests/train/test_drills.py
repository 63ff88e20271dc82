"""The whole program against a hostile world: `firelib train` killed, stopped, its checkpoint torn; then run again."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

from firelib.tfrecord.reader import open_dataset
from firelib.train.checkpoint_store import CheckpointStore
from firelib.train.checkpoints import load
from tests.project import ROOT
from tests.train.local_group import Run, train_locally
from tests.train.toy import fed_rows, toy_params, write_toy

EPOCHS = 60
STEPS = 16
PATIENCE = 900.0
SETTINGS = {"checkpoint": {"every_steps": 5}}


class Project:
    """A folder in which `firelib train` runs, as a user would start it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.fed = folder, folder / "fed"
        self._drivers: list[subprocess.Popen[bytes]] = []
        self.fed.mkdir(parents=True)
        self.paths = write_toy(folder)
        params = toy_params(workers=2, epochs=EPOCHS, train=SETTINGS, fed=str(self.fed)).model_dump(mode="json")
        (folder / "params.yaml").write_text(yaml.safe_dump({**params, "recipe": "tests.train.toy"}))

    def start(self) -> "subprocess.Popen[bytes]":
        env = {**os.environ, "PYTHONPATH": str(ROOT), "FIRELIB_TRACKING": "none", "FIRELIB_NUM_CPUS": "2"}
        command = [str(Path(sys.executable).parent / "firelib"), "train"]
        self._logged = len(self.log)
        with (self.folder / "log").open("ab") as log:
            self._drivers.append(subprocess.Popen(command, cwd=self.folder, env=env, stdout=log, stderr=log))
        return self._drivers[-1]

    def end(self) -> None:
        """Leave nothing running, whatever has gone wrong."""
        for driver in self._drivers:
            driver.kill()
            driver.wait()

    @property
    def log(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    @property
    def training(self) -> bool:
        """Whether the newest driver's own workers take steps: those of a killed one may go on for seconds."""
        return "train: " in self.log[self._logged :]

    @property
    def store(self) -> CheckpointStore:
        (run,) = Path(self.paths.runs).iterdir()
        return CheckpointStore(str(run))

    @property
    def newest(self) -> int:
        runs = Path(self.paths.runs)
        return max([0, *self.store.steps()]) if runs.exists() and list(runs.iterdir()) else 0

    def wait_for_step(self, step: int, driver: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + PATIENCE
        while self.newest < step or not self.training:
            assert driver.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def finished(self, driver: "subprocess.Popen[bytes]", code: int) -> None:
        assert driver.wait(PATIENCE) == code, self.log


def descendants(driver: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    return psutil.Process(driver.pid).children(recursive=True)


@pytest.fixture(scope="module")
def drilled(tmp_path_factory):
    """One run that is disturbed in every way, one after the other."""
    project = Project(tmp_path_factory.mktemp("drill"))
    try:
        disturb(project)
    finally:
        project.end()
    return project


def disturb(project: Project) -> None:
    driver = project.start()
    project.wait_for_step(20, driver)
    orphans = descendants(driver)
    driver.kill()
    driver.wait()

    driver, before = project.start(), project.newest
    project.wait_for_step(before + 40, driver)
    driver.send_signal(signal.SIGTERM)
    project.finished(driver, 75)
    project.after_sigterm = project.newest
    project.progress_after_sigterm = load(project.store.uri(project.newest))[1]

    torn = Path(project.store.uri(project.newest), "state.npz")
    torn.write_bytes(torn.read_bytes()[:-100])
    project.finished(project.start(), 0)
    # Ray's two agents try to report to the dead for a minute before they end; the workers go at once.
    project.left_by_kill = psutil.wait_procs(orphans, timeout=PATIENCE)[1]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    fed = folder / "fed"
    fed.mkdir()
    return train_locally(folder, [Run(toy_params(epochs=EPOCHS, train=SETTINGS, fed=str(fed)))], timeout=600)[0]


def test_nothing_outlives_a_killed_driver(drilled):
    assert drilled.left_by_kill == []


def test_sigterm_saves_and_says_that_it_goes_on(drilled):
    assert drilled.after_sigterm == drilled.progress_after_sigterm.step > 0
    assert "stopped: training was stopped; the same command goes on" in drilled.log


def test_torn_checkpoint_is_left_out(drilled):
    assert f"checkpoint of step {drilled.after_sigterm} is left out" in drilled.log


def test_end_is_that_of_an_undisturbed_run(drilled, undisturbed):
    values, progress = load(drilled.store.uri(EPOCHS * STEPS))
    assert progress.step == EPOCHS * STEPS
    np.testing.assert_allclose(progress.losses, undisturbed.losses, rtol=1e-5)
    for a, b in zip(values, undisturbed.weights, strict=False):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_every_sample_was_fed_once_an_epoch(drilled):
    """By what the workers wrote down themselves, the last time that each step was trained."""
    rows = open_dataset(str(drilled.paths.manifest)).as_numpy("train")
    expected = Counter(map(shown, rows["number"], rows["word"].astype(str)))
    shares = fed_rows(drilled.fed)
    for epoch in range(EPOCHS):
        fed = [row for step in range(STEPS) for row in batch(shares[epoch * STEPS + step + 1], 64 if step < 15 else 40)]
        assert Counter(shown(*row.split("|")) for row in fed) == expected


def batch(shares: list[list[str]], size: int) -> list[str]:
    """The shares of the last time that a step was trained by all workers."""
    rows: list[str] = []
    while len(rows) < size:
        rows += shares.pop(0)
    assert len(rows) == size
    return rows


@pytest.mark.slow
def test_ten_kills_at_random_moments_change_nothing(tmp_path, undisturbed):
    """Driver or worker, at any moment of start-up or training."""
    project = Project(tmp_path)
    random = np.random.default_rng()
    driver = project.start()
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
    if driver.wait(PATIENCE) != 0:
        project.finished(project.start(), 0)
    values, progress = load(project.store.uri(EPOCHS * STEPS))
    np.testing.assert_allclose(progress.losses, undisturbed.losses, rtol=1e-5)
    for a, b in zip(values, undisturbed.weights, strict=False):
        np.testing.assert_allclose(a, b, atol=1e-5)


def shown(number: float | str, word: str) -> str:
    return f"{np.float32(number):.6g} {word}"
