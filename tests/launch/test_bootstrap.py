"""Replicas as processes of this machine: they become one Ray cluster, lose members, and end together."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from firelib.launch.vertex.variables import vertex_variables
from tests.launch.drill import write_project
from tests.launch.ray_head import free_ports

_PATIENCE = 300.0  # machines of CI are slow at times


class Job:
    """Replicas of one job in a folder."""

    def __init__(self, folder: Path, count: int, drill: str) -> None:
        self.folder, self.count = folder, count
        self.replicas: dict[int, subprocess.Popen[bytes]] = {}
        self._environment = {
            "DRILL": drill,
            "FIRELIB_AGAIN_SECONDS": "2",
            "FIRELIB_JOB_ID": "drill",
            "FIRELIB_NUM_CPUS": "1",
            "FIRELIB_STORAGE_ROOT": str(folder / "root"),
            "RAY_TMPDIR": str(folder / "ray"),
        }

    def start(self, index: int) -> None:
        if index == 0:  # on the old port Ray would take what the others still run for the head that was lost
            self._environment["FIRELIB_HEAD_PORT"] = str(free_ports(1)[0])
        place = vertex_variables("drill", ["127.0.0.1"] * self.count, index, str(self.folder / "out"))
        environment = {**os.environ, **self._environment, **place}
        with self._log(index).open("ab") as log:
            self.replicas[index] = subprocess.Popen(
                [sys.executable, "-m", "firelib.launch.bootstrap", "firelib", "extract"],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def kill(self, index: int) -> None:
        """Kill a replica with all that it started, as a machine that is lost."""
        replica = self.replicas[index]
        tree = [psutil.Process(replica.pid), *psutil.Process(replica.pid).children(recursive=True)]
        for process in tree:
            process.kill()
        replica.wait()
        psutil.wait_procs(tree, timeout=10)

    def said(self, index: int) -> str:
        return self._log(index).read_text()

    def wait_for(self, index: int, words: str) -> None:
        until(lambda: words in self.said(index), lambda: self.said(index))

    def codes(self) -> list[int]:
        deadline = time.monotonic() + _PATIENCE
        return [self.replicas[index].wait(deadline - time.monotonic()) for index in sorted(self.replicas)]

    def _log(self, index: int) -> Path:
        return self.folder / f"log.{index}"


def until(holds: Callable[[], bool], say: Callable[[], str]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline, say()
        time.sleep(0.2)


@pytest.fixture
def job() -> Iterator[Callable[..., Job]]:
    folder = Path(tempfile.mkdtemp(prefix="job"))  # short: Ray's sockets lie in it
    (folder / "ray").mkdir()
    write_project(folder)
    jobs: list[Job] = []

    def new(count: int, drill: str) -> Job:
        jobs.append(Job(folder, count, drill))
        return jobs[-1]

    yield new
    for each in jobs:
        for index, replica in each.replicas.items():
            if replica.poll() is None:
                each.kill(index)
    shutil.rmtree(folder, ignore_errors=True)


def test_replicas_become_one_cluster_and_end_together(job):
    three = job(3, "nodes")
    for index in (2, 0, 1):  # in any order
        three.start(index)
    three.wait_for(0, "all 3 replicas are here")
    three.wait_for(0, "nodes: 3")
    token_file = three.folder / "root/jobs/drill/meeting/head.json"
    token = token_file.read_text().split('"token": "')[1].partition('"')[0]
    for process in psutil.process_iter(["cmdline"]):
        assert token not in " ".join(process.info["cmdline"] or [])
    (three.folder / "enough").touch()
    assert three.codes() == [0, 0, 0]
    assert "rows: 100 rows" in three.said(0)
    assert not token_file.exists()
    assert token not in "".join(three.said(index) for index in range(3))


def test_a_lost_replica_comes_back(job):
    two = job(2, "nodes")
    two.start(0)
    two.start(1)
    two.wait_for(0, "nodes: 2")
    two.kill(1)
    two.wait_for(0, "nodes: 1")
    two.start(1)
    until(lambda: two.said(0).count("nodes: 2") == 2, lambda: two.said(0))
    (two.folder / "enough").touch()
    assert two.codes() == [0, 0]


def test_a_lost_head_is_followed_by_the_next(job):
    two = job(2, "nodes")
    two.start(0)
    two.start(1)
    two.wait_for(0, "nodes: 2")
    two.kill(0)
    two.start(0)
    until(lambda: two.said(1).count("has joined") == 2, lambda: two.said(1))
    until(lambda: two.said(0).count("nodes: 2") == 2, lambda: two.said(0))
    (two.folder / "enough").touch()
    assert two.codes() == [0, 0]


def test_all_end_with_the_code_of_the_stage(job):
    two = job(2, "stopped")
    two.start(0)
    two.start(1)
    assert two.codes() == [75, 75]


def test_sigterm_ends_the_stage_and_so_all(job):
    two = job(2, "wait")
    two.start(0)
    two.start(1)
    two.wait_for(0, "waiting for the end")
    two.replicas[0].terminate()
    assert two.codes() == [143, 143]


def test_alone_it_just_runs_the_stage(job):
    one = job(1, "")
    one.start(0)
    assert one.codes() == [0]
    assert "rows: 100 rows" in one.said(0)
    assert not (one.folder / "root/jobs").exists()


def test_sigterm_before_the_stage_ends_all(job):
    two = job(2, "wait")
    two.start(0)
    until((two.folder / "root/jobs/drill/meeting/head.json").exists, lambda: two.said(0))
    two.replicas[0].terminate()  # it waits for replica 1
    assert two.replicas[0].wait(_PATIENCE) == 143
    assert "waiting for the end" not in two.said(0)
    two.start(1)  # too late
    assert two.replicas[1].wait(_PATIENCE) == 143
