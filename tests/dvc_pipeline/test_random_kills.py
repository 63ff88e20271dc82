"""Kill any process of a `firelib run` at a random moment: the same command again gives what an undisturbed run gives.

`KILLS` is the number of kills (30), `KILLS_SEED` the seed that chooses them; the names of the tests show them.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.dvc_pipeline.processes import is_alive
from tests.dvc_pipeline.test_run import PARAMS, Project
from tests.launch.flights_project import weights
from tests.patience import patience, wait_until

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("KILLS", "30"))
SEED = int(os.environ.get("KILLS_SEED", "0"))
STAGES = ("extract", "transform", "train", "evaluate")
# Role → how its process is recognised: by its name, or by words of its command line.
ROLES = {
    "dvc": "firelib.dvc_pipeline.dvc_child",
    "dask worker": "ray::",
    "training worker": "ray::RayTrainWorker",
    "controller": "ray::TrainController",
    "raylet": "raylet",
    "gcs": "gcs_server",
}
# Most kills hit training, whose state is the richest, and transform, which writes what all others read.
TARGETS = {
    "extract": ("run", "dvc", "stage", "raylet", "gcs"),
    "transform": ("run", "dvc", "stage", "dask worker", "raylet", "gcs"),
    "train": ("run", "dvc", "stage", "training worker", "controller", "raylet", "gcs"),
    "evaluate": ("run", "dvc", "stage"),
}
SHARES = ("extract", "transform", "transform", "train", "train", "train", "train", "evaluate", "train", "transform")
STARTED = {"train": " rows/s"}  # training has begun when it reports its speed; other stages when DVC names them


HITS: list[tuple[str, str]] = []  # stage and role of each kill that was carried out


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes:
        stage: Stage in which it happens.
        role: What is killed.
        number: The signal.
        group: Whether the process group of `firelib run` gets the signal, too.
        delay: Seconds after the stage has begun its work.
    """

    stage: str
    role: str
    number: signal.Signals
    group: bool
    delay: float

    def __str__(self) -> str:
        scope = "group of " if self.group else ""
        return f"{self.number.name} to {scope}{self.role} in {self.stage} after {self.delay:.1f} s"


def draw_kills() -> list[Kill]:
    chance = random.Random(SEED)
    kills = []
    for index in range(KILLS):
        stage = SHARES[index % len(SHARES)]
        role = chance.choice(TARGETS[stage])
        number = chance.choice((signal.SIGKILL, signal.SIGTERM))
        kills.append(Kill(stage, role, number, role == "run" and chance.random() < 0.5, chance.uniform(0, 3)))
    return kills


class Runs:
    """Copies of a project, in which only the stages before a given one have run.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        project = folder / "undisturbed"
        project.mkdir()
        self.project = Project(project)
        (project / "params.yaml").write_text(PARAMS.replace("epochs: 2", "epochs: 150"))
        for stage in STAGES:
            shutil.copytree(project, folder / f"before {stage}", symlinks=True)
            self.project.do("firelib", "run", stage)

    def copy_before(self, stage: str, copy: Path) -> Path:
        """A copy in which DVC's cache is empty, so that the stage has to run."""
        shutil.copytree(self._folder / f"before {stage}", copy, symlinks=True)
        shutil.rmtree(copy / ".dvc" / "cache", ignore_errors=True)
        return copy

    def differences(self, folder: Path, stage: str) -> list[str]:
        """What a stage has left that differs from the undisturbed run."""
        wanted = self.project.folder
        if stage == "train":
            gap = float(np.abs(weights(folder, "signs") - weights(wanted, "signs")).max())
            return [f"weights differ by {gap}"] if gap > 1e-5 else []
        names = {
            "extract": ["data/signs/lake.json"],
            "transform": [f"data/signs/tfrecords/{path.name}" for path in (wanted / "data/signs/tfrecords").iterdir()],
            "evaluate": ["metrics/signs/test.json", "metrics/signs/baselines.json"],
        }[stage]
        return [name for name in names if (folder / name).read_bytes() != (wanted / name).read_bytes()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("kills"))


class Attempt:
    """One `firelib run STAGE` in a process group of its own.

    Args:
        folder: The project.
        stage: The stage to run.
    """

    def __init__(self, folder: Path, stage: str) -> None:
        self._stage, self._log = stage, folder / "storage" / f"log-{time.monotonic_ns()}"
        self._log.parent.mkdir(exist_ok=True)
        env = {**os.environ, "FIRELIB_TRACKING": "none", "FIRELIB_NUM_CPUS": "2", "NO_COLOR": "1", "COLUMNS": "300"}
        command = [str(Path(sys.executable).parent / "firelib"), "run", stage]
        with self._log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=folder, env=env, stdout=file, stderr=file, start_new_session=True
            )
        self.seen: set[psutil.Process] = set()

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def has_begun(self) -> bool:
        begun = STARTED.get(self._stage, f"> firelib {self._stage}") in self.output
        return begun or self.process.poll() is not None

    def processes(self) -> list[psutil.Process]:
        """`firelib run` and everything below it."""
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.process.pid)
            found = [root, *root.children(recursive=True)]
            self.seen.update(found)
            return found
        return []

    def find(self, role: str) -> psutil.Process | None:
        """A process of a role; None if none runs now."""
        if role == "run":
            return psutil.Process(self.process.pid) if self.process.poll() is None else None
        for process in self.processes()[1:]:
            with suppress(psutil.Error):
                words = process.cmdline()
                is_stage = role == "stage" and self._stage in words[1:3] and "dvc_child" not in " ".join(words)
                is_role = role in ROLES and ROLES[role] in f"{process.name()} {' '.join(words)}"
                if is_stage or (is_role and words[:1] != ["ray::IDLE"]):
                    return process
        return None

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + patience(240)
        while self.process.poll() is None and time.monotonic() < deadline:
            self.processes()
            time.sleep(0.2)
        with suppress(ProcessLookupError):
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()

    def orphans(self) -> list[str]:
        """Command lines of what still runs five seconds after the end."""
        _, alive = psutil.wait_procs(list(self.seen), timeout=patience(5))
        return [str(process) for process in alive if is_alive(process)]


def find_faults(kill: Kill, attempt: Attempt) -> Iterator[str]:
    """Carry a kill out, wait for the end, and yield what is wrong with it."""
    wait_until(attempt.has_begun, 240, f"{kill.stage} begins")
    time.sleep(kill.delay)
    hit, target = next(
        ((role, found) for role in (kill.role, "stage", "run") if (found := attempt.find(role))), ("nothing", None)
    )
    HITS.append((kill.stage, hit))
    with suppress(psutil.NoSuchProcess, ProcessLookupError):  # the stage may have ended before
        if kill.group:
            os.killpg(attempt.process.pid, kill.number)
        elif target:
            target.send_signal(kill.number)
    code = attempt.end()
    if kill.role == "run" and kill.number == signal.SIGTERM and code not in (0, 75):
        yield f"exit code {code} after SIGTERM"
    yield from (f"orphan: {line}" for line in attempt.orphans())
    yield from (f"output has {mark!r}" for mark in ("Traceback", "*** SIG") if mark in attempt.output)
    if code not in (0, 75, -9, 137) and "remedy" not in attempt.output:
        yield f"exit code {code} without an explanation"


@pytest.mark.parametrize("kill", draw_kills(), ids=str)
def test_the_same_command_again_gives_the_undisturbed_result(runs: Runs, kill: Kill, tmp_path: Path) -> None:
    folder = runs.copy_before(kill.stage, tmp_path / "project")
    attempt = Attempt(folder, kill.stage)
    found = list(find_faults(kill, attempt))
    again = Attempt(folder, kill.stage)
    code = again.end()
    found += [f"again: exit code {code}\n{again.output[-2000:]}"] if code else runs.differences(folder, kill.stage)
    found += [f"again: orphan: {line}" for line in again.orphans()]
    assert not found, attempt.output[-5000:]


@pytest.mark.skipif(KILLS < 30, reason="few kills do not hit every role")
def test_every_role_was_hit() -> None:
    """A role whose process is never found would be replaced by the stage, and nobody would notice."""
    assert {role for _, role in HITS} >= {"run", "stage", *ROLES}
    assert sum(stage == "train" for stage, _ in HITS) >= 10
    assert sum(stage == "transform" for stage, _ in HITS) >= 6
