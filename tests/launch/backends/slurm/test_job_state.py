"""From Slurm's words, and from the job's files, to the state of a job."""

import pytest

from firelib.launch.backends.slurm.client import parse_fields
from firelib.launch.backends.slurm.job_state import parse_slurm_state, read_ended_status

_LINE = (
    "JobId=7 JobName=train-1 UserId=me(1000) Priority=1 JobState={state} Reason={reason} Dependency=(null) Requeue=1 "
    "Restarts=0 BatchFlag=1 Reboot=0 ExitCode={code} RunTime=00:00:03 NodeList=node[1-3] Comment=firelib,JobState=x "
)


def state(state: str, code: str = "0:0", reason: str = "None", cancelled: bool = False):
    return parse_slurm_state(parse_fields(_LINE.format(state=state, code=code, reason=reason)), cancelled)


@pytest.mark.parametrize(
    ("slurm", "code", "expected"),
    [
        ("PENDING", "0:0", ("queued", None)),
        ("CONFIGURING", "0:0", ("running", None)),
        ("RUNNING", "0:0", ("running", None)),
        ("COMPLETING", "7:0", ("running", None)),
        ("SUSPENDED", "0:0", ("running", None)),
        ("COMPLETED", "0:0", ("succeeded", 0)),
        ("FAILED", "7:0", ("failed", 7)),
        ("FAILED", "0:9", ("failed", 137)),
        ("CANCELLED", "0:15", ("cancelled", 143)),
        ("TIMEOUT", "0:0", ("failed", 75)),
        ("NODE_FAIL", "0:0", ("failed", 75)),
        ("PREEMPTED", "0:0", ("failed", 75)),
        ("OUT_OF_MEMORY", "0:125", ("failed", 253)),
        ("A_NEW_STATE", "0:0", ("failed", None)),
    ],
)
def test_states_of_slurm(slurm, code, expected):
    found = state(slurm, code)
    assert (found.state, found.exit_code) == expected


def test_the_reason_of_a_wait_and_the_remedy_of_an_end_are_told():
    assert state("PENDING", reason="QOSMaxGRESPerUser").message == "Slurm's reason: QOSMaxGRESPerUser"
    assert "--memory-gib" in state("OUT_OF_MEMORY", "0:125").message
    assert "--restarts" in state("NODE_FAIL").message
    assert "A_NEW_STATE" in state("A_NEW_STATE").message


def test_a_job_that_its_user_has_cancelled_is_cancelled_however_it_ended():
    assert state("FAILED", "0:15", cancelled=True).state == "cancelled"
    assert parse_slurm_state(None, True).state == "cancelled"
    assert parse_slurm_state(None, False).state == "failed"


def test_the_recorded_exit_code_decides(tmp_path):
    assert read_ended_status(tmp_path) is None
    (tmp_path / "exit_code").write_text("75\n")
    assert read_ended_status(tmp_path).exit_code == 75
    assert read_ended_status(tmp_path).state == "failed"
    (tmp_path / "cancelled").touch()
    assert read_ended_status(tmp_path).state == "cancelled"
    (tmp_path / "exit_code").write_text("0\n")  # it had ended before the signal arrived
    assert read_ended_status(tmp_path).state == "succeeded"


def test_an_exit_code_that_a_full_disk_has_lost(tmp_path):
    (tmp_path / "exit_code").touch()
    assert read_ended_status(tmp_path) is None
