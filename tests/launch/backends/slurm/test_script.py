"""The batch script, run by bash for real; only `srun` and `scontrol` are stand-ins, which run and record."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from firelib.launch.backends.slurm.script import build_script
from firelib.launch.job_spec import Replicas
from tests.launch.jobs import job
from tests.patience import patience, wait_until

_STAGE = """
trap 'echo the stage saves; exit 75' TERM
echo "the stage of replica $JOB_COMPLETION_INDEX of $FIRELIB_REPLICAS runs"
eval "$DRILL"
"""
_SRUN = """#!/bin/bash
while [[ "$1" == --* ]]; do shift; done
trap 'kill -TERM $all' TERM
for index in $(seq 0 $((SLURM_NTASKS - 1))); do SLURM_PROCID=$index "$@" & all="${all:-} $!"; done
for each in $all; do wait $each; wait $each; done
exit 9
"""
_SCONTROL = """#!/bin/bash
echo "$@" >> "$CALLS"
case "$1 $2" in
    "show hostnames") echo node1; echo node2 ;;
    "show node") echo "NodeName=$3 NodeAddr=198.51.100.7 NodeHostName=$3" ;;
    "show job") echo "JobId=$3 JobState=${STATE:-RUNNING} Reason=None" ;;
    requeue*) exit "${REFUSED:-0}" ;;
esac
"""


class Batch:
    """A job's folder, and what runs its script as Slurm would."""

    def __init__(self, project: Path, scratch: Path, **replicas: int) -> None:
        self.project, self.scratch, self.replicas = project, scratch, Replicas(**replicas)
        self.folder = project / ".firelib/jobs/train-1"
        spec = job(project=str(project), replicas=self.replicas, target={"scratch": str(scratch)})
        stage = f"run=(/bin/bash {project}/stage)"
        self.write(self.folder / "secrets/KEY", "value")
        self.write(self.folder / "job.sh", re.sub(r"^run=.*", stage, build_script(spec), flags=re.MULTILINE))
        self.write(project / "stage", _STAGE)
        self.write(project / "bin/srun", _SRUN)
        self.write(project / "bin/scontrol", _SCONTROL)

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o700)

    def start(self, drill: str, **variables: str) -> "subprocess.Popen[str]":
        environment = {
            "PATH": f"{self.project}/bin:{os.environ['PATH']}",
            "CALLS": str(self.project / "calls"),
            "SLURM_JOB_ID": "7",
            "SLURM_JOB_NODELIST": "node[1-2]",
            "SLURM_NTASKS": str(self.replicas.count),
            "SLURM_CPUS_ON_NODE": "2",
            "DRILL": drill,
            **variables,
        }
        command = ["/bin/bash", str(self.folder / "job.sh")]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, drill: str, **variables: str) -> tuple[int, str]:
        process = self.start(drill, **variables)
        output, _ = process.communicate(timeout=patience(30))
        return process.returncode, output

    @property
    def calls(self) -> str:
        file = self.project / "calls"
        return file.read_text() if file.exists() else ""

    @property
    def exit_code(self) -> str | None:
        file = self.folder / "exit_code"
        return file.read_text().strip() if file.exists() else None


@pytest.fixture
def make_batch(tmp_path):
    """Return a function that writes a job; their Ray folders have to have short paths."""
    with tempfile.TemporaryDirectory(prefix="s", dir="/tmp") as scratch:
        yield lambda name="first", **replicas: Batch(tmp_path / name, Path(scratch), **replicas)


@pytest.mark.parametrize("code", ["0", "7", "75"])
def test_the_exit_code_of_the_stage_is_recorded_and_nothing_is_left(make_batch, code):
    batch = make_batch()
    assert batch.run(f"exit {code}")[0] == int(code)
    assert batch.exit_code == code
    assert not (batch.folder / "secrets").exists()
    assert list(batch.scratch.iterdir()) == []
    assert "requeue" not in batch.calls


def test_replicas_know_each_other_and_only_the_first_writes_to_the_log(make_batch):
    batch = make_batch(count=2)
    code, log = batch.run('echo "head $FIRELIB_HEAD_HOST:$FIRELIB_HEAD_PORT, $FIRELIB_NUM_CPUS CPUs, $RAY_TMPDIR"')
    assert code == 0
    assert "replica 0 of 2" in log
    assert f"head 198.51.100.7:20007, 2 CPUs, {batch.scratch}/firelib-7" in log
    assert "replica 1 of 2" not in log
    assert "replica 1 of 2" in (batch.folder / "log.1").read_text()


def test_the_exit_code_is_that_of_replica_0(make_batch):
    batch = make_batch(count=2)
    assert batch.run('exit "$((JOB_COMPLETION_INDEX + 3))"')[0] == 3
    assert batch.exit_code == "3"


def test_a_failure_is_requeued_while_there_are_restarts(make_batch):
    batch = make_batch(restarts=2)
    code, log = batch.run("exit 1")
    assert (code, batch.exit_code) == (1, None)
    assert "requeue 7" in batch.calls
    assert "restart 1 of 2" in log
    assert (batch.folder / "secrets/KEY").exists()  # the next start needs them
    assert batch.run("exit 1", SLURM_RESTART_COUNT="2")[0] == 1
    assert batch.exit_code == "1"
    assert batch.calls.count("requeue 7") == 1


def test_what_is_over_stays_over(make_batch):
    batch = make_batch(restarts=1)
    batch.run("exit 5", SLURM_RESTART_COUNT="1")
    assert batch.run("exit 0", SLURM_RESTART_COUNT="2") == (5, "")


def test_a_job_that_was_killed_at_its_last_restart_does_not_start_again(make_batch):
    batch = make_batch(restarts=1)
    code, log = batch.run("exit 0", SLURM_RESTART_COUNT="2")
    assert (code, batch.exit_code) == (75, "75")
    assert "restarts are used up" in log


def test_a_cancelled_job_is_not_requeued(make_batch):
    batch = make_batch(restarts=2)
    (batch.folder / "cancelled").touch()
    assert batch.run("exit 75")[0] == 75
    assert batch.exit_code == "75"
    assert "requeue" not in batch.calls


def test_a_job_that_was_cancelled_between_two_starts_does_not_start(make_batch):
    batch = make_batch(restarts=2)
    (batch.folder / "cancelled").touch()
    code, log = batch.run("exit 0", SLURM_RESTART_COUNT="1")
    assert (code, batch.exit_code, log) == (75, "75", "")
    assert not (batch.folder / "secrets").exists()


@pytest.mark.parametrize(("state", "recorded"), [("COMPLETING", None), ("RUNNING", "75")])
def test_slurm_refuses_the_requeue_while_it_requeues_by_itself(make_batch, state, recorded):
    batch = make_batch(restarts=2)
    batch.run("exit 75", STATE=state, REFUSED="1")
    assert batch.exit_code == recorded


def test_sigterm_reaches_the_first_replica_only_and_the_others_serve_it_to_its_end(make_batch):
    batch = make_batch(count=2)
    drill = """
    if ((JOB_COMPLETION_INDEX)); then trap - TERM; while [[ ! -e ended ]]; do sleep 0.1; done; exit 75
    else touch begun; while :; do sleep 0.1; done; fi"""
    process = batch.start(f"cd {batch.project};{drill}")
    wait_until((batch.project / "begun").exists, 30, "the stage runs")
    process.send_signal(signal.SIGTERM)
    wait_until((batch.folder / "replica_exit_code").exists, 30, "replica 0 has ended")
    assert process.poll() is None
    (batch.project / "ended").touch()
    output, _ = process.communicate(timeout=patience(30))
    assert "the stage saves" in output
    assert batch.exit_code == "75"


def test_a_port_in_use_is_passed_over(make_batch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 20007))
        other.listen()
        _, log = make_batch().run('echo "port $FIRELIB_HEAD_PORT"')
    assert "port 20008" in log


def test_a_failed_start_before_is_forgotten(make_batch):
    batch = make_batch(restarts=1)
    ended = batch.project / "storage/jobs/train-1/meeting/ended.json"
    ended.parent.mkdir(parents=True)
    ended.write_text("{}")
    (batch.folder / "replica_exit_code").write_text("75")
    batch.run(f"[[ ! -e {ended} ]] && kill -KILL $PPID")
    assert not ended.exists()
    assert batch.exit_code is None  # srun's own code: 9, so it is requeued
    assert "requeue 7" in batch.calls


def test_the_file_of_the_user_is_read_by_each_replica(make_batch):
    batch = make_batch()
    (batch.project / "env.sh").write_text("export MODULE=cuda-12\n")
    script = batch.folder / "job.sh"
    script.write_text(script.read_text().replace("setup=''", f"setup='{batch.project}/env.sh'"))
    assert "module cuda-12" in batch.run('echo "module $MODULE"')[1]


def test_the_stage_is_run_by_this_python():
    assert f"run=({sys.executable} -m firelib.launch.bootstrap firelib train)" in build_script(job(project="/p"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_folder_of_another_user_is_not_used(make_batch):
    batch = make_batch()
    own = batch.scratch / "firelib-7"
    own.mkdir()
    os.chown(own, 12345, 12345)
    assert batch.run("exit 0")[0] != 0
    assert batch.exit_code not in (None, "0")
