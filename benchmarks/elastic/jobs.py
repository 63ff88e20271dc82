"""Training jobs on a cluster: firelib, and Ray Train with its own elastic policy."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.elastic.project import Project
from benchmarks.elastic.step_log import Record, Recovery, find_recovery, read_records
from firelib.train.checkpoint.store import CheckpointStore

_POLL_SECONDS = 0.1
_TIMEOUT = 600.0


class Job:
    """A training, whose driver is a process. As a context manager, it ends with the block.

    Args:
        project: What is trained.
        command: argv of the driver.
    """

    def __init__(self, project: Project, command: Sequence[str]) -> None:
        self.project, self._command = project, command
        self._driver: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_driver()

    def start(self, environment: dict[str, str]) -> None:
        """Start the driver, which resumes from the last checkpoint if there is one.

        Args:
            environment: Variables that lead to Ray.
        """
        own = {"FIRELIB_TRACKING": "none", "PYTHONWARNINGS": "ignore"}
        with self._log.open("ab") as log:
            self._driver = subprocess.Popen(  # noqa: S603  our own commands
                self._command, cwd=self.project.folder, env={**os.environ, **own, **environment}, stdout=log, stderr=log
            )

    def kill_driver(self) -> None:
        """Kill the driver, if it runs."""
        if self._driver is not None:
            self._driver.kill()
            self._driver.wait()

    def committed_step(self) -> int:
        """Step of the newest checkpoint that a restart would resume from."""
        raise NotImplementedError

    @property
    def newest_step(self) -> int:
        """The newest step that has been taken."""
        return max((each.step for each in self.records), default=0)

    @property
    def records(self) -> list[Record]:
        return read_records(self.project.log)

    def wait_for_steps(self, count: int, workers: int) -> None:
        """Wait until a number of steps have been taken by this many workers, counted from now."""
        begin = time.time()
        self._wait(
            lambda: len({each.step for each in self.records if each.time > begin and each.workers == workers}) >= count,
            f"{count} steps of {workers} workers",
        )

    def wait_for_middle_of_epoch(self) -> None:
        """Wait until half of the epoch's steps have been taken."""
        steps = self.project.epoch_steps
        self._wait(lambda: 0 <= self.records[-1].step % steps - steps // 2 < steps // 4, "the middle of an epoch")

    def wait_for_recovery(self, at: float) -> Recovery:
        """Wait until a new step is taken after an event at this time."""
        found: list[Recovery] = []

        def is_over() -> bool:
            found.extend(filter(None, [find_recovery(self.records, at)]))
            return bool(found)

        self._wait(is_over, "a new step after the event")
        return found[0]

    def require_running(self) -> None:
        """Check that the driver still runs.

        Raises:
            RuntimeError: It has ended.
        """
        if self._driver is None or self._driver.poll() is not None:
            raise RuntimeError(f"the driver has ended: {self._log.read_text()[-3000:]}")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _TIMEOUT
        while not condition():
            self.require_running()
            if time.monotonic() > deadline:
                raise RuntimeError(f"expected {what} within {_TIMEOUT:.0f} s: {self._log.read_text()[-3000:]}")
            time.sleep(_POLL_SECONDS)

    @property
    def _log(self) -> Path:
        return self.project.folder / "driver.log"


class FirelibJob(Job):
    """`firelib train`."""

    def __init__(self, project: Project) -> None:
        super().__init__(project, [str(Path(sys.executable).with_name("firelib")), "train"])

    def committed_step(self) -> int:
        runs = Path(self.project.paths.runs)
        (run,) = [folder for folder in runs.iterdir() if folder.is_dir()]
        return CheckpointStore(str(run)).find_newest().step or 0


class RayTrainJob(Job):
    """Ray Train's elastic policy, with a checkpoint per epoch (`benchmarks.peers.ray_train`)."""

    def __init__(self, project: Project) -> None:
        super().__init__(project, [sys.executable, "-m", "benchmarks.peers.ray_train", str(project.folder)])

    def committed_step(self) -> int:
        newest = max((self.project.folder / "ray").glob("steps/checkpoint_*/progress.json"), default=None)
        return 0 if newest is None else int(json.loads(newest.read_text())["step"])
