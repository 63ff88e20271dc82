"""Jobs as processes of this machine."""

from pathlib import Path

import psutil
import pytest

from firelib.launch.backends.local.backend import LocalBackend
from firelib.launch.client.log_follower import follow
from firelib.launch.client.submit_and_wait import send
from firelib.launch.job_record import read_records
from firelib.launch.job_spec import Replicas, Resources, new_job_id
from tests.launch.drill import firelib, firelib_here, write_project
from tests.launch.jobs import job
from tests.patience import wait_until

LOCAL = LocalBackend()


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
    status = follow(LOCAL, record, parts.append, pause=0.1)
    return status, "".join(parts)


def test_submit_runs_the_stage_on_this_machine(project):
    """The one real command line and job of the quick tests."""
    done = firelib(project, "submit", "--", "firelib", "extract")
    assert done.returncode == 0, done.stderr
    assert "rows: 100 rows" in done.stderr
    assert (project / "data/rows/lake.json").is_file()
    [record] = read_records(project)
    assert done.stdout == f"{record.job_id}\n"
    assert "succeeded" in firelib_here(project, "status", record.job_id).stdout
    assert "rows: 100 rows" in firelib_here(project, "logs", record.job_id).stdout


@pytest.mark.integration
def test_a_detached_job_outlives_its_command_and_keeps_its_secret(project):
    words = ("submit", "--detach", "-e", "DRILL=secret", "--secret", "DRILL_VALUE=env:MINE")
    done = firelib(project, *words, "--", "firelib", "extract", MINE="planted-secret-value")
    assert done.returncode == 0, done.stderr
    [record] = read_records(project)
    status, said = ended(record)
    assert status.state == "succeeded"
    assert "length of the secret: 20" in said
    for path in (project / ".firelib").rglob("*"):
        assert path.is_dir() or b"planted" not in path.read_bytes()


@pytest.mark.integration
@pytest.mark.parametrize(("drill", "code"), [("exit", 7), ("stopped", 75)])
def test_submit_exits_with_the_code_of_the_stage(project, drill, code):
    assert firelib_here(project, "submit", "-e", f"DRILL={drill}", "--", "firelib", "extract").returncode == code
    [record] = read_records(project)
    assert (LOCAL.status(record).state, LOCAL.status(record).exit_code) == ("failed", code)
    assert firelib_here(project, "status", record.job_id).returncode == code


@pytest.mark.integration
def test_cancel(project):
    record = sent(project, "wait")
    for chunk in LOCAL.logs(record, follow=True):
        if "waiting for the end" in chunk:
            break
    assert LOCAL.status(record).state == "running"
    assert firelib_here(project, "cancel", record.job_id).returncode == 0
    status, _ = ended(record)
    assert (status.state, status.exit_code) == ("cancelled", 75)
    LOCAL.cancel(record)  # once more is no error


@pytest.mark.integration
def test_time_limit(project):
    status, said = ended(sent(project, "wait", timeout_seconds=1))
    assert (status.state, status.exit_code) == ("failed", 75)
    assert "time limit of 1 s" in said


@pytest.mark.integration
def test_a_killed_supervisor_is_a_failed_job(project):
    record = sent(project, "wait")
    supervisor = psutil.Process(int(record.handle["pid"]))
    wait_until(supervisor.children, 60, "the supervisor has started the stage")
    [stage] = supervisor.children()
    supervisor.kill()
    stage.kill()
    psutil.wait_procs([supervisor, stage], timeout=10)
    status = LOCAL.status(record)
    assert (status.state, status.exit_code) == ("failed", None)
    assert status.message


def test_all_problems_are_reported_at_once():
    spec = job(
        image="x",
        replicas=Replicas(2, restarts=1),
        resources=Resources(machine="g2-standard-8"),
        secrets={"A_KEY": "k8s:a/b"},
    )
    fields = ["image", "replicas.count", "replicas.restarts", "resources.machine", "secrets.A_KEY"]
    assert [problem.partition(":")[0] for problem in LOCAL.validate(spec)] == fields


def test_dry_run_sends_nothing(project):
    done = firelib_here(project, "submit", "--dry-run", "--", "firelib", "train", "--fresh")
    assert done.returncode == 0
    assert '"command": "firelib train --fresh"' in done.stdout
    assert not Path(project, ".firelib").exists()
