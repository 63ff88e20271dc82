"""The program that powers idle hosts off; here it only says what it would do."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

from tests.project import ROOT

PROGRAM = ROOT / "ansible" / "roles" / "autostop" / "files" / "autostop.py"


@pytest.fixture(scope="module")
def autostop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("autostop", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_idle_time_begins_again_after_work(autostop: ModuleType, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert autostop.idle_minutes(state, False, 0) == 0
    assert autostop.idle_minutes(state, False, 600) == 10
    assert autostop.idle_minutes(state, True, 660) == 0
    assert autostop.idle_minutes(state, False, 720) == 1
    state.write_text("torn")
    assert autostop.idle_minutes(state, False, 780) == 0


@pytest.fixture
def head(
    monkeypatch: pytest.MonkeyPatch, autostop: ModuleType, tmp_path: Path
) -> Iterator[tuple[str, Path, list[str]]]:
    """A dashboard's list of jobs, where the port does not matter; address, token file, statuses."""
    statuses: list[str] = []

    class Jobs(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.headers["Authorization"] == "Bearer secret"
            body = [{"submission_id": f"job{i}", "status": status} for i, status in enumerate(statuses)]
            self.send_response(200 if allowed else 401)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Jobs) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        real = autostop.urllib.request.Request
        here = f":{server.server_port}/"
        monkeypatch.setattr(
            autostop.urllib.request, "Request", lambda url, **more: real(url.replace(":8265/", here), **more)
        )
        (tmp_path / "token").write_text("secret\n")
        yield "127.0.0.1", tmp_path / "token", statuses
        server.shutdown()


def test_jobs_anywhere_keep_a_host_on(autostop: ModuleType, head: tuple[str, Path, list[str]]) -> None:
    address, token, statuses = head
    statuses += ["SUCCEEDED", "RUNNING", "FAILED", "PENDING"]
    assert list(autostop.running_jobs(address, token)) == ["Ray job job1 is RUNNING", "Ray job job3 is PENDING"]


def test_a_head_that_refuses_has_no_jobs(autostop: ModuleType, head: tuple[str, Path, list[str]]) -> None:
    address, token, statuses = head
    statuses += ["RUNNING"]
    token.write_text("wrong")
    assert list(autostop.running_jobs(address, token)) == []


def test_dry_run_says_what_would_happen(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("0")  # idle since 1970
    command = [sys.executable, str(PROGRAM), "--minutes", "30", "--head", "127.0.0.1", "--dry-run"]
    command += ["--token-file", str(tmp_path / "none"), "--state", str(state)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "would power off now" in said or said.startswith("busy: ")  # someone may be logged in to this machine
