"""Jobs on a real Ray head with a token: their final status, their exit code, and authentication."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ray._raylet import AuthenticationTokenLoader, Config

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.ray.backend import RayBackend
from firelib.launch.backends.ray.client import connect
from firelib.launch.client.log_follower import follow
from firelib.launch.client.submit_and_wait import send
from firelib.launch.job_record import read_record, read_records
from firelib.launch.job_spec import new_job_id
from firelib.stage_records.store import read_records as read_stages
from tests.errors import refused
from tests.launch.drill import firelib, firelib_here, write_project
from tests.launch.jobs import job
from tests.launch.proxy import proxy
from tests.patience import patience

RAY = RayBackend()


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


@contextmanager
def variables(**given: str | None) -> Iterator[None]:
    """Set variables (None unsets one) and have Ray, which keeps mode and token of its first look, read them again."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"RAY_AUTH_TOKEN": None, **given}.items():
            patch.delenv(name, raising=False)
            if value is not None:
                patch.setenv(name, value)
        _read_again()
        yield
    _read_again()


def _read_again() -> None:
    Config.initialize("")
    AuthenticationTokenLoader.instance().reset_cache()


@pytest.fixture
def authenticated(head):
    """Give this process the head's token."""
    with variables(**head.environment(), RAY_AUTH_MODE="token"):
        yield


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


@pytest.mark.integration
def test_a_stage_is_submitted_and_its_outputs_are_downloaded(head, project):
    """By a process that knows where the token is, and nothing of Ray's modes."""
    done = firelib(project, "extract", **head.environment())
    assert done.returncode == 0, done.stderr
    assert "data/rows/lake.json" in done.stderr
    assert not (project / "storage").exists()
    [record] = read_records(project)
    with variables(**head.environment(), RAY_AUTH_MODE="token"):
        status, log = (firelib_here(project, word, record.job_id) for word in ("status", "logs"))
    assert f"{record.job_id} on ray: succeeded" in status.stdout
    assert "rows: 100 rows, 1 version, 1 new" in log.stdout
    assert head.token_file.read_text() not in done.stderr + log.stdout + str(record)

    local = project / "local"
    local.mkdir()
    write_project(local)
    assert firelib_here(local, "extract").returncode == 0
    there, here = (json.loads((folder / "data/rows/lake.json").read_text()) for folder in (project, local))
    assert there == here
    runs = [read_stages(folder, "rows").records for folder in (project, local)]
    assert [(run.stage, run.origin, run.job) for [run] in runs] == [
        ("extract", "job", record.job_id),
        ("extract", "project", None),
    ]


@pytest.mark.integration
@pytest.mark.usefixtures("authenticated")
def test_a_secret_comes_from_a_file_of_the_host_and_the_exit_code_from_the_stage(head, project, tmp_path_factory):
    file = tmp_path_factory.mktemp("host") / "value"
    file.write_text("planted-secret-value")
    file.chmod(0o600)
    submit = ("submit", "--to", "ray", "-e", "DRILL=secret,exit", "--secret", f"DRILL_VALUE=file:{file}")
    done = firelib_here(project, *submit, "--", "firelib", "extract")
    assert done.returncode == 7, done.stderr
    assert "length of the secret: 20" in done.stderr
    assert "planted-secret-value" not in done.stderr
    [record] = read_records(project)
    assert firelib_here(project, "status", record.job_id).returncode == 7
    logs = head.token_file.parent / "ray"
    for path in logs.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix in (".log", ".out", ".err", ".txt"):
            assert b"planted-secret-value" not in path.read_bytes(), path

    connect(head.address).delete_job(record.job_id)
    with refused(what=record.job_id, where=head.address):
        RAY.status(read_record(project, record.job_id))


@pytest.mark.integration
@pytest.mark.usefixtures("authenticated")
def test_output_survives_lost_connections_and_stopped_stays_75(head, project):
    with proxy(head.address) as between:
        record = sent(head, project, "dialogue,stopped", between.address)
        parts: list[str] = []

        def write(text: str) -> None:
            parts.append(text)
            for number in re.findall(r"line (05|12)", text):
                between.cut()
                (head.shared / f"read-{number}").touch()

        status = follow(RAY, record, write, pause=0.1)
        assert between.cuts >= 2
        said = re.findall(r"line \d\d ä", "".join(parts))
        assert said == [f"line {number:02d} ä" for number in range(20)]
        assert (status.state, status.exit_code) == ("failed", 75)
        assert firelib_here(project, "status", record.job_id).returncode == 75


@pytest.mark.integration
@pytest.mark.usefixtures("authenticated")
def test_cancel_stops_the_job(head, project):
    record = sent(head, project, "wait")
    seen = ""
    for chunk in RAY.logs(record, follow=True):
        seen += chunk
        if "waiting for the end" in seen:
            break
    assert RAY.status(record).state == "running"
    assert firelib_here(project, "cancel", record.job_id).returncode == 0
    assert follow(RAY, record, lambda _: None, pause=0.2).state == "cancelled"
    assert firelib_here(project, "cancel", record.job_id).returncode == 0  # once more is no error


@pytest.mark.integration
@pytest.mark.usefixtures("authenticated")
def test_sigterm_to_the_caller_stops_the_job(project):
    command = [sys.executable, "-c", "from firelib.cli import main; main()"]
    words = ["submit", "--to", "ray", "-e", "DRILL=wait", "--", "firelib", "extract"]
    caller = subprocess.Popen([*command, *words], cwd=project, stderr=subprocess.PIPE, text=True)
    try:
        assert caller.stderr is not None
        while "waiting for the end" not in caller.stderr.readline():
            assert caller.poll() is None
        caller.send_signal(signal.SIGTERM)
        said = caller.communicate(timeout=patience(60))[1]
    finally:
        caller.kill()
        caller.wait()
    assert caller.returncode == 75, said
    [record] = read_records(project)
    assert RAY.status(record).state == "cancelled"


@pytest.mark.integration
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


@pytest.mark.integration
@pytest.mark.parametrize(
    ("token", "mode", "said", "remedy"),
    [
        (None, None, "401", "RAY_AUTH_TOKEN_PATH"),
        ("0" * 64, "token", "403", "token"),
        ("the head's", "disabled", "401", "export RAY_AUTH_MODE=token"),
    ],
)
def test_a_refused_token_is_explained(head, project, token, mode, said, remedy):
    file = project / "token"
    if token:
        file.write_text(head.token_file.read_text() if token == "the head's" else token)
    with variables(RAY_AUTH_TOKEN_PATH=str(file), RAY_AUTH_MODE=mode), pytest.raises(FirelibError) as caught:
        sent(head, project, "")
    assert said in caught.value.what
    assert head.address in caught.value.where
    assert remedy in caught.value.remedy
    assert mode == "disabled" or str(file) in str(caught.value)
    assert not (token and file.read_text() in str(caught.value))
    assert read_records(project) == []


def test_an_unreachable_head_is_named(project):
    address = "http://127.0.0.1:9"
    spec = job(command=("firelib", "extract"), project=str(project), storage_root="/none", target={"address": address})
    with pytest.raises(LostConnectionError) as caught:
        send("ray", spec)
    assert caught.value.where == address
    assert caught.value.remedy
    assert read_records(project) == []


@pytest.mark.integration
@pytest.mark.usefixtures("authenticated")
def test_a_storage_root_that_only_the_job_sees_is_refused_there(project, monkeypatch):
    monkeypatch.delenv("FIRELIB_STORAGE_ROOT")
    done = firelib_here(project, "extract")
    assert done.returncode == 1
    assert "set FIRELIB_STORAGE_ROOT" in done.stderr
