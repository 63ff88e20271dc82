"""The program that lists the jobs whose packages setup.yml would replace."""

import socket
from pathlib import Path

import pytest

from tests.cluster.programs import load
from tests.cluster.stand_ins import TOKEN, Dashboard

PROGRAM = "roles/reach/files/running_jobs.py"


def test_jobs_that_wait_or_run_are_listed(head: Dashboard, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    states = {"a": "RUNNING", "b": "SUCCEEDED", "c": "PENDING", "d": "STOPPED"}
    head.jobs = [{"submission_id": name, "status": status} for name, status in states.items()]
    head.jobs.append({"submission_id": None, "job_id": "05000000", "status": "RUNNING"})
    program, url = load(PROGRAM), f"http://{head.address}"
    assert program.running_jobs(url, tmp_path / "token") == ["a", "c", "05000000"]


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(TOKEN)
    return tmp_path / "token"


def test_a_ray_that_does_not_tell_its_jobs_may_have_some(
    head: Dashboard, token_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, url = load(PROGRAM), f"http://{head.address}"
    assert "401" in program.running_jobs(url, tmp_path / "missing")[0]
    head.is_up = False
    assert "503" in program.running_jobs(url, token_file)[0]
    head.is_up, head.is_cut_short = True, True
    assert "IncompleteRead" in program.running_jobs(url, token_file)[0]
    monkeypatch.setattr(program, "SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "0.2 s" in program.running_jobs(f"http://127.0.0.1:{silent.getsockname()[1]}", token_file)[0]


def test_without_ray_there_are_no_jobs(token_file: Path) -> None:
    assert load(PROGRAM).running_jobs("http://127.0.0.1:1", token_file) == []


def test_a_proxy_is_not_asked(head: Dashboard, token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot reach the head, and would see the token."""
    head.jobs = [{"submission_id": "a", "status": "RUNNING"}]
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert load(PROGRAM).running_jobs(f"http://{head.address}", token_file) == ["a"]
