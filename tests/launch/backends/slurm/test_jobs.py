"""Jobs of a real Slurm: shared nodes, the queue, time limits and lost nodes."""

import subprocess

import pytest

from firelib.launch.backends.slurm.backend import SlurmBackend
from firelib.launch.job_spec import Replicas, Resources
from tests.errors import refused
from tests.launch.backends.contract import JobLab
from tests.launch.drill import write_project
from tests.patience import wait_until

pytestmark = pytest.mark.slurm

ONE_CPU = Resources(cpus=1)


@pytest.fixture
def lab(slurm, tmp_path):
    running = JobLab(SlurmBackend(), write_project(tmp_path), {"resources": ONE_CPU})
    yield running
    for record in running.records:
        running.backend.cancel(record)
        running.finish(record)


def test_two_jobs_of_two_replicas_share_a_node(lab, tmp_path):
    fields = {"replicas": Replicas(count=2), "target": {"tasks_per_node": "2", "options": "--nodelist=node1"}}
    records = [lab.submit("nodes", storage_root=str(tmp_path / "storage"), **fields) for _ in range(2)]
    for record in records:
        wait_until(lambda record=record: "nodes: 2" in lab.log(record), 240, f"both replicas: {lab.log(record)}")
    assert [lab.backend.status(record).state for record in records] == ["running", "running"]
    (tmp_path / "enough").touch()
    ended = [lab.finish(record) for record in records]
    assert [status.state for status, _ in ended] == ["succeeded", "succeeded"], ended
    assert not list((tmp_path / "storage/jobs").glob("*/meeting/head.json"))


def test_a_waiting_job_tells_slurms_reason_and_can_be_cancelled(lab, monkeypatch, tmp_path):
    monkeypatch.setenv("MINE", "value")
    record = lab.submit("talk", secrets={"DRILL_VALUE": "env:MINE"}, target={"options": "--begin=now+1hour"})
    wait_until(lambda: "BeginTime" in lab.backend.status(record).message, 60, "Slurm tells why the job waits")
    assert lab.backend.status(record).state == "queued"
    assert lab.log(record) == ""
    lab.backend.cancel(record)
    assert lab.finish(record)[0].state == "cancelled"
    assert not list(tmp_path.glob(".firelib/jobs/*/secrets"))


def test_a_refused_job_leaves_nothing_behind(lab, tmp_path):
    with refused(what="invalid partition specified: nowhere", where="sbatch"):
        lab.submit("talk", target={"partition": "nowhere"})
    assert not list(tmp_path.glob(".firelib/jobs/*"))


def test_a_job_resumes_after_its_time_limit(lab, slurm):
    record = lab.submit("wait", replicas=Replicas(restarts=1), target={"time": "1", "grace": "45"})
    wait_until(lambda: "waiting for the end" in lab.log(record), 120, "the stage runs")  # it waited before that, too
    slurm.start_again(record.handle["slurm_id"])
    wait_until(lambda: lab.log(record).count("waiting for the end") == 2, 120, "the stage runs again")
    assert "restart 1 of 1" in lab.log(record)
    assert lab.backend.status(record).state == "running"


def test_a_job_starts_on_another_node_when_its_node_goes_down(lab, slurm):
    record = lab.submit("wait", replicas=Replicas(restarts=1))
    wait_until(lambda: "waiting for the end" in lab.log(record), 120, "the stage runs")
    with slurm.node_down(record.handle["slurm_id"]):
        slurm.start_again(record.handle["slurm_id"])
        wait_until(lambda: lab.log(record).count("waiting for the end") == 2, 120, "the stage runs again")


def test_a_job_without_restarts_fails_when_its_node_goes_down(lab, slurm, monkeypatch, tmp_path):
    monkeypatch.setenv("MINE", "value")
    record = lab.submit("secret,wait", secrets={"DRILL_VALUE": "env:MINE"})
    wait_until(lambda: "waiting for the end" in lab.log(record), 120, "the stage runs")
    with slurm.node_down(record.handle["slurm_id"]):
        status, _ = lab.finish(record)
    assert (status.state, status.code) == ("failed", 75)
    assert "--restarts" in status.message
    assert not list(tmp_path.glob(".firelib/jobs/*/secrets"))


def test_the_shell_opens_in_the_running_job(lab):
    record = lab.submit("wait")
    wait_until(lambda: "waiting for the end" in lab.log(record), 120, "the stage runs")
    command = [word for word in lab.backend.shell(record).argv if word != "--pty"]
    command += ["-c", "echo in job $SLURM_JOB_ID"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"in job {record.handle['slurm_id']}\n"
