"""Jobs as processes of this machine."""

import signal
import time
from pathlib import Path

import psutil
import pytest

from firelib.launch.attend import send
from firelib.launch.follow import follow
from firelib.launch.job import Replicas, Resources, new_job_id
from firelib.launch.job_record import records
from firelib.launch.local import backend as local
from tests.launch.drill import firelib, write_project
from tests.launch.jobs import job


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


def sent(project, drill="", **fields):
    spec = job(
        command=("firelib", "extract"),
        job_id=new_job_id("extract"),
        project=str(project),
        env={"DRILL": drill},
        **fields,
    )
    return send("local", spec)


def ended(record):
    parts: list[str] = []
    status = follow(local, record, parts.append, pause=0.1)
    return status, "".join(parts)


def test_submit_runs_the_stage_here(project):
    done = firelib(project, "submit", "--", "firelib", "extract")
    assert done.returncode == 0, done.stderr
    assert "rows: 100 rows" in done.stderr
    assert (project / "data/rows/lake.json").is_file()
    [record] = records(project)
    assert done.stdout == f"{record.job_id}\n"
    assert "succeeded" in firelib(project, "status", record.job_id).stdout
    assert "rows: 100 rows" in firelib(project, "logs", record.job_id).stdout


def test_a_detached_job_goes_on_alone(project):
    done = firelib(project, "submit", "--detach", "--", "firelib", "extract")
    assert done.returncode == 0
    [record] = records(project)
    assert ended(record)[0].state == "succeeded"


@pytest.mark.parametrize(("drill", "code"), [("exit", 7), ("stopped", 75)])
def test_exit_codes_are_those_of_the_stage(project, drill, code):
    record = sent(project, drill)
    status, _ = ended(record)
    assert (status.state, status.exit_code) == ("failed", code)
    assert firelib(project, "status", record.job_id).returncode == code


def test_cancel(project):
    record = sent(project, "wait")
    for chunk in local.logs(record, follow=True):
        if "waiting for the end" in chunk:
            break
    assert local.status(record).state == "running"
    assert firelib(project, "cancel", record.job_id).returncode == 0
    status, _ = ended(record)
    assert (status.state, status.exit_code) == ("cancelled", 128 + signal.SIGTERM)
    local.cancel(record)  # once more is no error


def test_time_limit(project):
    status, said = ended(sent(project, "wait", timeout_seconds=8))
    assert status.state == "failed"
    assert "timeout of 8 s" in said


def test_a_keeper_that_was_killed_is_noticed(project):
    record = sent(project, "wait")
    keeper = psutil.Process(int(record.handle["pid"]))
    while not keeper.children():
        time.sleep(0.05)
    [stage] = keeper.children()
    keeper.kill()
    stage.kill()
    psutil.wait_procs([keeper, stage], timeout=10)
    status = local.status(record)
    assert status.state == "failed"
    assert "gone without a word" in status.message


def test_a_secret_reaches_the_stage_and_nothing_else(project, monkeypatch):
    monkeypatch.setenv("MINE", "planted-secret-value")
    record = sent(project, "secret", secrets={"DRILL_VALUE": "env:MINE"})
    _, said = ended(record)
    assert "length of the secret: 20" in said
    for path in (project / ".firelib").rglob("*"):
        assert path.is_dir() or b"planted" not in path.read_bytes()


def test_a_missing_secret_is_said(project):
    status, said = ended(sent(project, secrets={"DRILL_VALUE": "env:NOT_THERE_AT_ALL"}))
    assert status.exit_code == 1
    assert "secrets.DRILL_VALUE: there is no variable NOT_THERE_AT_ALL" in said
    assert "Traceback" not in said


def test_what_this_machine_cannot_do_is_said_at_once(tmp_path):
    spec = job(
        image="x",
        replicas=Replicas(2, restarts=1),
        resources=Resources(machine="g2-standard-8"),
        secrets={"A_KEY": "k8s:a/b"},
    )
    assert len(local.problems(spec)) == 5


def test_dry_run_sends_nothing(project):
    done = firelib(project, "submit", "--dry-run", "--", "firelib", "train", "--fresh")
    assert done.returncode == 0
    assert '"command": "firelib train --fresh"' in done.stdout
    assert not Path(project, ".firelib").exists()


def test_submit_ends_with_the_code_of_the_stage(project):
    assert firelib(project, "submit", "-e", "DRILL=exit", "--", "firelib", "extract").returncode == 7
    assert firelib(project, "submit", "-e", "DRILL=stopped", "--", "firelib", "extract").returncode == 75
