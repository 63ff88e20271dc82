"""The program that powers idle hosts off; here it only says what it would do."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.cluster.programs import load
from tests.cluster.stand_ins import TOKEN, Dashboard
from tests.project import ROOT

PROGRAM = ROOT / "ansible" / "roles" / "autostop" / "files" / "autostop.py"


@pytest.fixture(scope="module")
def autostop() -> ModuleType:
    return load("roles/autostop/files/autostop.py")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    for pid, title in enumerate(
        ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent", "sshd: /usr/sbin/sshd"), 1
    ):
        write(tmp_path, pid, title)
    return tmp_path


def write(proc: Path, pid: int, title: str, parent: int = 1) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "cmdline").write_bytes(title.replace(" ", "\0").encode())
    (proc / str(pid) / "stat").write_text(f"{pid} (a name) of (S) 9) S {parent} {pid} {pid} 0 -1")


def test_a_resting_ray_is_idle(autostop: ModuleType, proc: Path) -> None:
    assert list(autostop.ray_work(proc)) == []
    assert list(autostop.logins(proc)) == []


def test_work_and_logins_keep_a_host_on(autostop: ModuleType, proc: Path) -> None:
    write(proc, 10, "ray::RayTrainWorker.execute")
    write(proc, 11, "sshd: ann@pts/0")
    assert list(autostop.ray_work(proc)) == ["Ray runs RayTrainWorker.execute"]
    assert list(autostop.logins(proc)) == ["ann@pts/0 is logged in"]


def test_a_playbook_keeps_a_host_on_and_a_tunnel_does_not(autostop: ModuleType, proc: Path) -> None:
    write(proc, 10, "sshd: ann")  # ssh -N
    assert list(autostop.logins(proc)) == []
    write(proc, 11, "sshd: ann@notty")  # firelib cluster dashboard
    write(proc, 12, "cat", parent=11)
    assert list(autostop.logins(proc)) == []
    write(proc, 13, "sshd: ben@notty")  # ansible-playbook
    write(proc, 14, "sudo cat /etc/shadow", parent=13)
    assert list(autostop.logins(proc)) == ["ben@notty is logged in"]


def test_a_real_child_is_found_with_its_parent(autostop: ModuleType) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        found = {process.pid: process for process in autostop._processes(autostop.PROC)}
        assert found[str(child.pid)] == (str(child.pid), str(os.getpid()), "cat")


@pytest.fixture
def idle(autostop: ModuleType, tmp_path: Path) -> Callable[..., float]:
    """A check at a time, which returns the idle minutes."""
    state = tmp_path / "state"

    def check(now: float, busy: bool = False) -> float:
        minutes: float = autostop.idle_minutes(state, busy, now)
        os.utime(state, (now, now))
        return minutes

    return check


def test_idle_time_begins_again_after_work(idle: Callable[..., float], tmp_path: Path) -> None:
    assert idle(0) == 0
    assert idle(600) == 10
    assert idle(660, busy=True) == 0
    assert idle(720) == 1
    (tmp_path / "state").write_text("torn")
    assert idle(780) == 0


def test_a_host_that_was_suspended_or_whose_clock_was_set_is_not_idle_since_then(idle: Callable[..., float]) -> None:
    """It would power off as soon as it is resumed."""
    assert idle(0) == 0
    assert idle(60) == 1
    assert idle(36_000) == 0  # ten hours later
    assert idle(36_060) == 1
    assert idle(60) == 0  # the clock was fast
    assert idle(120) == 1


@pytest.fixture
def running_jobs(
    monkeypatch: pytest.MonkeyPatch, autostop: ModuleType, head: Dashboard, tmp_path: Path
) -> Callable[[], list[str]]:
    """The jobs that the program finds on `head`, wherever that listens."""
    real = autostop.urllib.request.Request
    monkeypatch.setattr(
        autostop.urllib.request, "Request", lambda _, **more: real(f"http://{head.address}/api/jobs/", **more)
    )
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return lambda: list(autostop.running_jobs("127.0.0.1", tmp_path / "token"))


def list_jobs(head: Dashboard, *statuses: str) -> None:
    head.jobs = [{"submission_id": f"job{number}", "status": status} for number, status in enumerate(statuses)]


def test_jobs_anywhere_keep_a_host_on(head: Dashboard, running_jobs: Callable[[], list[str]]) -> None:
    list_jobs(head, "SUCCEEDED", "RUNNING", "FAILED", "PENDING")
    assert running_jobs() == ["Ray job job1 is RUNNING", "Ray job job3 is PENDING"]


def test_a_head_that_refuses_has_no_jobs(
    head: Dashboard, running_jobs: Callable[[], list[str]], tmp_path: Path
) -> None:
    list_jobs(head, "RUNNING")
    (tmp_path / "token").write_text("wrong")
    assert running_jobs() == []


def test_an_answer_that_breaks_off_is_none(head: Dashboard, running_jobs: Callable[[], list[str]]) -> None:
    """A failed check would not count as idle, nor as busy."""
    list_jobs(head, "RUNNING")
    head.is_cut_short = True
    assert running_jobs() == []


def test_dry_run_says_what_would_happen(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("0")  # idle since 1970
    command = [sys.executable, str(PROGRAM), "--minutes", "30", "--head", "127.0.0.1", "--dry-run"]
    command += ["--token-file", str(tmp_path / "none"), "--state", str(state)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "would power off now" in said or said.startswith("busy: ")  # someone may be logged in to this machine
