"""Replicas as processes of this machine: they form one Ray cluster, survive lost members, and end together.

Few groups go through all checks, because each Ray node costs seconds of a core: the largest group loses a follower,
then its head, ends, and is restarted, as a platform restarts a failed job.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from firelib.launch.vertex_variables import vertex_variables
from tests.launch.drill import write_project
from tests.launch.ray_head import free_ports
from tests.patience import patience, wait_until

pytestmark = pytest.mark.integration

_SECONDS = 120.0
#: Ray notices a lost node after three failed health checks: seconds instead of a quarter of a minute.
_NOTICE_LOSS = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3"}
#: The drills run no tasks.
_NO_WORKERS = {"RAY_prestart_worker_first_driver": "0", "RAY_enable_worker_prestart": "0"}


class Group:
    """Replicas of one job that share a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rendezvous = folder / "root/jobs/drill/meeting"
        self._replicas: dict[int, subprocess.Popen[bytes]] = {}
        self._log_lengths: dict[int, int] = {}  # length of each log when the attempt began
        self._hosts: list[str] = []
        self._environment: dict[str, str] = {}

    def attempt(self, count: int, drill: str, **more: str) -> None:
        """Begin an attempt of the job; no replica runs yet.

        Args:
            count: Replicas of the job.
            drill: What the stage does (see drill.py).
            more: Further variables of all replicas.
        """
        assert not self.running()
        self._replicas.clear()
        self._log_lengths = {
            index: len(self._log(index).read_text()) for index in range(9) if self._log(index).exists()
        }
        self._hosts = ["127.0.0.1"] * count
        self._environment = {
            "DRILL": drill,
            "FIRELIB_AGAIN_SECONDS": "2",
            "FIRELIB_JOB_ID": "drill",
            "FIRELIB_NUM_CPUS": "1",
            "FIRELIB_STORAGE_ROOT": str(self.folder / "root"),
            "RAY_TMPDIR": str(self.folder / "ray"),
            **_NOTICE_LOSS,
            **_NO_WORKERS,
            **more,
        }

    def add_variables(self, **more: str) -> None:
        """Set variables of the replicas that start from now on."""
        self._environment |= more

    def start(self, *indices: int) -> None:
        """Start replicas."""
        for index in indices:
            if index == 0:  # on the old port, Ray would take the nodes of the others for the lost head
                self._environment["FIRELIB_HEAD_PORT"] = str(free_ports(1)[0])
            variables = vertex_variables("drill", self._hosts, index, str(self.folder / "out"))
            with self._log(index).open("ab") as log:
                self._replicas[index] = subprocess.Popen(
                    [sys.executable, "-m", "firelib.launch.bootstrap", "firelib", "extract"],
                    cwd=self.folder,
                    env={**os.environ, **self._environment, **variables},
                    stdout=log,
                    stderr=log,
                )

    def kill(self, index: int) -> None:
        """Kill a replica with all its processes, as the loss of its machine would."""
        replica = self._replicas[index]
        tree = [psutil.Process(replica.pid), *psutil.Process(replica.pid).children(recursive=True)]
        for process in tree:
            with suppress(psutil.NoSuchProcess):  # Ray's processes end by themselves once their parent is gone
                process.kill()
        replica.wait()
        psutil.wait_procs(tree, timeout=patience(10))

    def terminate(self, index: int) -> None:
        """Send SIGTERM to a replica, as a platform does."""
        self._replicas[index].terminate()

    def running(self) -> list[int]:
        return [index for index, replica in self._replicas.items() if replica.poll() is None]

    def output(self, index: int) -> str:
        """Return the output of a replica in this attempt."""
        return self._log(index).read_text()[self._log_lengths.get(index, 0) :]

    def wait_for(self, index: int, text: str, times: int = 1) -> None:
        """Wait until a replica has written a text so many times."""

        def written() -> bool:
            count = self.output(index).count(text)
            assert count >= times or self._replicas[index].poll() is None, self.output(index)
            return count >= times

        wait_until(written, _SECONDS, f"replica {index} writes {text!r} × {times}; its log is {self._log(index)}")

    def codes(self) -> list[int]:
        """Wait for the end of all replicas; return their exit codes by index."""
        wait_until(lambda: not self.running(), _SECONDS, "all replicas have ended")
        return [self._replicas[index].returncode for index in sorted(self._replicas)]

    def _log(self, index: int) -> Path:
        return self.folder / f"log.{index}"


@pytest.fixture
def group() -> Iterator[Group]:
    folder = Path(tempfile.mkdtemp(prefix="job"))  # short: Ray's sockets lie in it
    (folder / "ray").mkdir()
    group = Group(write_project(folder))
    yield group
    for index in group.running():
        group.kill(index)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_group_survives_lost_members_and_exits_with_the_code_of_its_stage(group):
    group.attempt(3, "nodes,stopped")
    group.start(2, 0, 1)  # in any order
    group.wait_for(0, "all 3 replicas have joined")
    group.wait_for(0, "nodes: 3")
    tokens = [assert_token_is_hidden(group)]

    group.kill(1)
    group.wait_for(0, "nodes: 2")
    group.start(1)
    group.wait_for(0, "nodes: 3", times=2)
    group.wait_for(1, "has joined", times=2)  # Ray counts a node seconds before its `ray start` is done

    group.kill(0)
    group.start(0)
    group.wait_for(0, "nodes: 3", times=3)  # the third time from the new head
    group.wait_for(1, "has joined", times=3)  # at first, after its own loss, and after the loss of the head
    group.wait_for(2, "has joined", times=2)
    tokens.append(assert_token_is_hidden(group))
    assert tokens[0] != tokens[1]

    (group.folder / "enough").touch()
    assert group.codes() == [75, 75, 75]
    assert not (group.rendezvous / "head.json").exists()
    assert not any(token in group.output(index) for token in tokens for index in range(3))

    # The platform restarts a failed job: replicas do not mistake the exit code of the earlier attempt for this one's.
    group.attempt(2, "", FIRELIB_AGAIN_SECONDS=str(_SECONDS))
    group.start(1, 0)
    assert group.codes() == [0, 0]
    assert "has joined" in group.output(1)
    assert "rows: 100 rows" in group.output(0)


def assert_token_is_hidden(group: Group) -> str:
    """Check that no process shows the cluster's token in its arguments; return the token."""
    token = (group.rendezvous / "head.json").read_text().split('"token": "')[1].partition('"')[0]
    for process in psutil.process_iter(["cmdline"]):
        assert token not in " ".join(process.info["cmdline"] or [])
    return token


def test_sigterm_ends_the_stage_and_the_group(group):
    group.attempt(2, "wait")
    group.start(0, 1)
    group.wait_for(0, "waiting for the end")
    group.terminate(0)
    assert group.codes() == [75, 75]


def test_sigterm_before_the_stage_ends_the_group(group):
    group.attempt(2, "wait")
    group.start(0)
    wait_until((group.rendezvous / "head.json").exists, _SECONDS, "replica 0 leaves head.json")
    group.terminate(0)  # it waits for replica 1
    assert group.codes() == [143]
    assert "waiting for the end" not in group.output(0)
    group.start(1)  # too late
    assert group.codes() == [143, 143]


def test_a_single_replica_runs_the_stage_without_a_cluster(group):
    group.attempt(1, "")
    group.start(0)
    assert group.codes() == [0]
    assert "rows: 100 rows" in group.output(0)
    assert not group.rendezvous.exists()


def test_a_preempted_head_waits_to_be_ended_and_the_others_join_its_successor(group):
    """On Vertex AI an exit with another code than 0 would be the end of the whole job.

    It is preempted once, since each start costs seconds of a core: test_head.py and test_follower.py have three times.
    """
    group.attempt(2, "nodes", FIRELIB_PLATFORM="vertex")
    group.start(0, 1)
    group.wait_for(0, "nodes: 2")
    group.terminate(0)
    group.wait_for(0, "waiting to be ended")
    assert group.running() == [0, 1]
    assert not (group.rendezvous / "head.json").exists()
    assert not (group.rendezvous / "ended.json").exists()
    group.kill(0)
    group.start(0)
    group.wait_for(0, "nodes: 2", times=2)
    (group.folder / "enough").touch()
    assert group.codes() == [0, 0]


def test_a_replica_without_its_gpus_refuses_to_start_and_replica_0_says_so(group):
    """Only replica 0's log is shown to the user. This machine's TensorFlow is hidden from any GPU."""
    group.attempt(2, "wait")
    group.start(0)
    group.wait_for(0, "waiting for replica 1")
    group.add_variables(FIRELIB_EXPECTED_GPUS="1", CUDA_VISIBLE_DEVICES="-1")
    group.start(1)
    assert group.codes() == [1, 1]
    assert "replica 1 cannot run the job" in group.output(0)
    assert "which should have GPUs: 1" in group.output(1)

    group.attempt(2, "wait")
    group.start(1)
    group.add_variables(FIRELIB_EXPECTED_GPUS="1", CUDA_VISIBLE_DEVICES="-1")
    group.start(0)
    assert group.codes() == [1, 1], "the others do not wait for a head that will not come"
    assert "which should have GPUs: 1" in group.output(0)
