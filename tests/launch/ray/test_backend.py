"""Jobs on a real Ray head with a token: the true end, the true exit code, and who is let in."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ray._raylet import AuthenticationTokenLoader

from firelib.errors import FirelibError
from firelib.launch.attend import send
from firelib.launch.backend import backend
from firelib.launch.follow import follow
from firelib.launch.job import new_job_id
from firelib.launch.job_record import read_record, records
from firelib.launch.ray.client import connect
from tests.launch.drill import firelib, write_project
from tests.launch.jobs import job
from tests.launch.proxy import proxy

RAY = backend("ray")


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


@pytest.fixture
def let_in(head, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(head.token_file))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    # Ray keeps the first token that a process has loaded; tests before may have had a Ray with another one.
    AuthenticationTokenLoader.instance().reset_cache()
    yield
    AuthenticationTokenLoader.instance().reset_cache()


def sent(head, project, drill, address=None):
    """A drill that was sent by this process."""
    spec = job(
        command=("firelib", "extract"),
        job_id=new_job_id("extract"),
        project=str(project),
        env={"DRILL": drill},
        storage_root=str(head.shared),
        target={"address": address or head.address},
    )
    return send("ray", spec)


def test_a_stage_is_sent_and_its_outputs_come_back(head, project):
    done = firelib(project, "extract", **head.environment())
    assert done.returncode == 0, done.stderr
    assert "brought back: data/rows/lake.json" in done.stderr
    local = project / "local"
    local.mkdir()
    write_project(local)
    assert firelib(local, "extract").returncode == 0
    there, here = (json.loads((folder / "data/rows/lake.json").read_text()) for folder in (project, local))
    assert there == here
    assert not (project / "storage").exists()
    [record] = records(project)
    assert firelib(project, "status", record.job_id, **head.environment()).stdout.endswith(
        ": succeeded: Job finished successfully.\n"
    )
    log = firelib(project, "logs", record.job_id, **head.environment())
    assert "rows: 100 rows, 1 version, 1 new" in log.stdout
    assert head.token_file.read_text() not in done.stderr + log.stdout + str(record)


def test_the_exit_code_of_the_stage_is_that_of_the_command(head, project):
    submit = ("submit", "--to", "ray", "-e", "DRILL=exit", "--", "firelib", "extract")
    assert firelib(project, *submit, **head.environment()).returncode == 7
    [record] = records(project)
    assert firelib(project, "status", record.job_id, **head.environment()).returncode == 7


def test_stopped_stays_75(head, project):
    submit = ("submit", "--to", "ray", "-e", "DRILL=stopped", "--", "firelib", "extract")
    done = firelib(project, *submit, **head.environment())
    assert done.returncode == 75, done.stderr
    assert "stopped on purpose" in done.stderr


@pytest.mark.usefixtures("let_in")
def test_output_survives_cut_connections(head, project):
    with proxy(head.address) as between:
        record = sent(head, project, "talk", between.address)
        parts: list[str] = []

        def write(text: str) -> None:
            parts.append(text)
            if re.search(r"line (10|25)", text):
                between.cut()

        status = follow(RAY, record, write, pause=0.1)
        assert between.cuts >= 2
    said = re.findall(r"line \d\d ä", "".join(parts))
    assert said == [f"line {number:02d} ä" for number in range(40)]
    assert (status.state, status.exit_code) == ("succeeded", 0)


@pytest.mark.usefixtures("let_in")
def test_cancel_ends_the_job(head, project):
    record = sent(head, project, "wait")
    seen = ""
    for chunk in RAY.logs(record, follow=True):
        seen += chunk
        if "waiting for the end" in seen:
            break
    assert RAY.status(record).state == "running"
    assert firelib(project, "cancel", record.job_id, **head.environment()).returncode == 0
    assert follow(RAY, record, lambda _: None, pause=0.2).state == "cancelled"
    assert firelib(project, "cancel", record.job_id, **head.environment()).returncode == 0  # once more is no error


def test_sigterm_to_the_caller_ends_the_job(head, project):
    command = [sys.executable, "-c", "from firelib.cli import main; main()"]
    words = ["submit", "--to", "ray", "-e", "DRILL=wait", "--", "firelib", "extract"]
    caller = subprocess.Popen(
        [*command, *words], cwd=project, env={**os.environ, **head.environment()}, stderr=subprocess.PIPE, text=True
    )
    assert caller.stderr is not None
    while "waiting for the end" not in caller.stderr.readline():
        assert caller.poll() is None
    caller.send_signal(signal.SIGTERM)
    said = caller.communicate(timeout=120)[1]
    assert caller.returncode == 75, said
    [record] = records(project)
    assert f"job {record.job_id} is cancelled" in said


def test_a_secret_comes_from_a_file_of_the_host(head, project, tmp_path_factory):
    file = tmp_path_factory.mktemp("host") / "value"
    file.write_text("planted-secret-value")
    file.chmod(0o600)
    submit = ("submit", "--to", "ray", "-e", "DRILL=secret", "--secret", f"DRILL_VALUE=file:{file}")
    done = firelib(project, *submit, "--", "firelib", "extract", **head.environment())
    assert done.returncode == 0, done.stderr
    assert "length of the secret: 20" in done.stderr
    assert "planted-secret-value" not in done.stderr
    logs = head.token_file.parent / "ray"
    for path in logs.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix in (".log", ".out", ".err", ".txt"):
            assert b"planted-secret-value" not in path.read_bytes(), path


def test_without_a_token_nobody_is_let_in(head, project):
    environment = {**head.environment(), "RAY_AUTH_TOKEN_PATH": str(project / "none")}
    done = firelib(project, "extract", **environment)
    assert done.returncode == 1
    assert "asks for a token (401), and there is none in" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_strangers_token_is_refused(head, project):
    (project / "mine").write_text("0" * 64)
    environment = {**head.environment(), "RAY_AUTH_TOKEN_PATH": str(project / "mine")}
    done = firelib(project, "extract", **environment)
    assert done.returncode == 1
    assert "refuses the token (403)" in done.stderr
    assert "0000" not in done.stderr


def test_a_token_that_is_kept_back_is_said(head, project):
    done = firelib(project, "extract", **head.environment(), RAY_AUTH_MODE="disabled")
    assert done.returncode == 1
    assert "export RAY_AUTH_MODE=token" in done.stderr


def test_nobody_there(project):
    done = firelib(project, "extract", FIRELIB_RAY_ADDRESS="http://127.0.0.1:9", FIRELIB_STORAGE_ROOT="/tmp/none")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert records(project) == []


def test_a_root_of_the_job_alone_is_refused(head, project):
    environment = head.environment()
    del environment["FIRELIB_STORAGE_ROOT"]
    done = firelib(project, "extract", **environment)
    assert done.returncode == 1
    assert "is a folder of this job" in done.stderr
    assert "FIRELIB_STORAGE_ROOT=/shared/" in done.stderr


def test_ray_job_submit_by_hand(head, project):
    """`ray job submit --working-dir . -- firelib extract`, with nothing of firelib on the caller's side."""
    ray = str(Path(sys.executable).with_name("ray"))
    runtime = json.dumps({"env_vars": {"FIRELIB_STORAGE_ROOT": str(head.shared)}})
    command = [ray, "job", "submit", "--address", head.address, "--working-dir", ".", "--runtime-env-json", runtime]
    environment = {**os.environ, **head.environment(), "RAY_AUTH_MODE": "token"}
    done = subprocess.run(
        [*command, "--", "firelib", "extract"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rows: 100 rows" in done.stdout + done.stderr


@pytest.mark.usefixtures("let_in")
def test_a_job_that_nobody_knows(head, project):
    record = sent(head, project, "exit")
    follow(RAY, record, lambda _: None, pause=0.2)
    connect(head.address).delete_job(record.job_id)
    with pytest.raises(FirelibError, match="refuses"):
        RAY.status(read_record(project, record.job_id))
