"""Jobs for a head whose agents have not started."""

from typing import Any

import pytest

from firelib.errors import FirelibError
from firelib.launch.backends.ray import job_start
from firelib.launch.backends.ray.client import HeadNotReadyError

NO_AGENT = "Request failed with status code 500: No available agent to submit job, please try again later.."
ADDRESS = "http://head:8265"


class StartingHead:
    """Answers as Ray 2.60 does: its agents register after some requests."""

    def __init__(self, refusals: int, message: str = NO_AGENT) -> None:
        self.refusals, self.message, self.started = refusals, message, list[dict[str, Any]]()

    def submit_job(self, **request: Any) -> str:
        if self.refusals:
            self.refusals -= 1
            raise RuntimeError(self.message)
        self.started.append(request)
        return str(request["submission_id"])


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_start, "_RETRY_SECONDS", 0.01)


def test_a_job_waits_for_the_agents_and_starts_once() -> None:
    head = StartingHead(refusals=3)
    job_start.start_job(head, ADDRESS, submission_id="run-1", entrypoint="true")
    assert head.started == [{"submission_id": "run-1", "entrypoint": "true"}]


def test_agents_that_never_start_are_an_error_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_start, "_READY_SECONDS", 0.05)
    with pytest.raises(HeadNotReadyError) as error:
        job_start.start_job(StartingHead(refusals=10**9), ADDRESS, submission_id="run-1")
    assert error.value.where == ADDRESS


def test_another_refusal_is_not_repeated() -> None:
    head = StartingHead(refusals=2, message="Request failed with status code 500: disk full")
    with pytest.raises(FirelibError, match="disk full"):
        job_start.start_job(head, ADDRESS, submission_id="run-1")
    assert head.refusals == 1
