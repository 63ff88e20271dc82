"""Job states, and what every backend inherits from the interface."""

import pytest

from firelib.launch.backend import Backend, JobStatus
from firelib.launch.job_record import JobRecord
from firelib.launch.target import Target, setting
from tests.launch.jobs import job
from tests.launch.problems import find_problem


class LabTarget(Target):
    zone: str = setting("zone of the lab", example="ZONE", default="", required=True, variable="LAB_ZONE")


class LabBackend(Backend):
    name = "lab"
    target_type = LabTarget
    secret_schemes = ("env", "k8s")

    def find_problems(self, spec):
        if spec.image is None:
            yield "image is missing"

    def request(self, spec):
        return {}

    def submit(self, spec):
        return {}

    def status(self, record):
        return JobStatus("running")

    def logs(self, record, follow):
        yield "a line\n"

    def cancel(self, record):
        pass


LAB = LabBackend()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (JobStatus("succeeded", 0), 0),
        (JobStatus("succeeded"), 0),
        (JobStatus("failed", 75), 75),
        (JobStatus("failed"), 1),
        (JobStatus("cancelled"), 1),
    ],
)
def test_exit_code_of_a_job(status, code):
    assert status.is_over
    assert status.code == code


@pytest.mark.parametrize("state", ["queued", "running"])
def test_other_states_are_not_final(state):
    assert not JobStatus(state).is_over


def test_validate_reports_target_fields_and_secrets_together():
    secrets = {"A_KEY": "file:/etc/a", "B_KEY": "env:B_KEY"}
    problems = LAB.validate(job(target={"zne": "a"}, secrets=secrets))
    assert len(problems) == 4
    assert find_problem(problems, "target.zne", "'zone'")
    assert find_problem(problems, "target.zone", "--set zone=ZONE", "LAB_ZONE")
    assert find_problem(problems, "image")
    assert find_problem(problems, "secrets.A_KEY:", "env:NAME", "k8s:SECRET/KEY", "file")


def test_a_valid_job_has_no_problems():
    assert LAB.validate(job(image="x", target={"zone": "a"}, secrets={"A_KEY": "k8s:a/b"})) == []


def test_environment_variables_provide_settings():
    assert LAB.default_target({"LAB_ZONE": "b", "OTHER": "c"}) == {"zone": "b"}
    assert LAB.default_target({"LAB_ZONE": ""}) == {}


def test_most_backends_need_no_advance():
    record = JobRecord(job(), "lab", {"id": "1"})
    assert LAB.advance(record) is record


def test_an_incomplete_backend_cannot_be_created():
    class Incomplete(Backend):
        name = "incomplete"

    with pytest.raises(TypeError):
        Incomplete()
