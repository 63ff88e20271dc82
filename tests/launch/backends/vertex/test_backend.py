"""Jobs on a fake Vertex AI: how they end, and that none is left running."""

import json
import os
import signal
from datetime import timedelta

import pytest
from google.auth import exceptions as identities
from google.cloud.aiplatform_v1 import JobServiceClient
from requests.exceptions import ConnectionError as LostAnswer

from firelib.errors import FirelibError
from firelib.launch.backends.vertex import backend as vertex_backend
from firelib.launch.backends.vertex import client as vertex_client
from firelib.launch.backends.vertex.client import TransientError
from firelib.launch.client.submit_and_wait import send, wait_for_job
from firelib.launch.job_record import read_record
from firelib.launch.job_spec import Replicas
from tests.errors import refused
from tests.launch.backends.vertex.played import (
    DONE,
    PENDING,
    QUEUED,
    RUNNING,
    STOCK_OUT,
    TOO_FAST,
    VERTEX,
    ended,
    regions_of,
    spec_for,
)
from tests.launch.fake_jobs import Refusal, Step


def test_a_job_succeeds(service, tmp_path):
    service.plays["europe-west4"] = [[QUEUED, PENDING, RUNNING, RUNNING, DONE]]
    record = send("vertex", spec_for(service, tmp_path, replicas=Replicas(3)))
    status, log = ended(record)
    assert (status.state, status.exit_code) == ("succeeded", 0)
    assert log.splitlines()[0] == "line of projects/my-lab/locations/europe-west4/customJobs/1000"
    assert len(log.splitlines()) == len(service.log.lines("1000"))
    [kept] = service.jobs.values()
    assert [pool["replicaCount"] for pool in kept["jobSpec"]["workerPoolSpecs"]] == ["1", "2"]


def test_the_exit_code_of_the_stage_is_reported(service, tmp_path):
    said = "The replica workerpool0-0 exited with a non-zero status of 75. See the logs."
    service.plays["europe-west4"] = [[RUNNING, Step("JOB_STATE_FAILED", said)]]
    status, _ = ended(send("vertex", spec_for(service, tmp_path)))
    assert (status.state, status.exit_code) == ("failed", 75)
    assert len(service.jobs) == 1, "its own failure is no reason to try elsewhere"


def test_transient_errors_are_retried(service, tmp_path):
    service.refusals["europe-west4"] = [TOO_FAST, TOO_FAST, Refusal(503, "The service is currently unavailable.")]
    record = send("vertex", spec_for(service, tmp_path))
    assert regions_of(service) == ["europe-west4"]
    assert ended(record)[0].state == "succeeded"


def test_an_unanswered_request_creates_no_second_job(service, tmp_path, monkeypatch):
    """Both would run, and be paid; only the newest would be followed."""
    create, answers = JobServiceClient.create_custom_job, [True]

    def lose_the_first_answer(client, **given):
        created = create(client, **given)
        if answers and answers.pop():
            raise LostAnswer("Connection reset by peer")
        return created

    monkeypatch.setattr(JobServiceClient, "create_custom_job", lose_the_first_answer)
    record = send("vertex", spec_for(service, tmp_path))
    assert list(service.jobs) == [record.handle["name"]]
    assert ended(record)[0].state == "succeeded"


def test_retries_are_limited(service, tmp_path):
    service.refusals["europe-west4"] = [TOO_FAST] * 20
    with pytest.raises(TransientError) as caught:
        send("vertex", spec_for(service, tmp_path))
    assert caught.value.what.endswith(TOO_FAST.message)  # after the request
    assert "europe-west4" in caught.value.where
    assert service.jobs == {}


def test_missing_permissions_are_named(service, tmp_path):
    service.always = Refusal(403, "Permission 'aiplatform.customJobs.create' denied on resource")
    with refused(what="aiplatform.customJobs.create", remedy="roles/aiplatform.user"):
        send("vertex", spec_for(service, tmp_path))


def test_an_expired_login_leaves_the_job_running(service, tmp_path):
    service.plays["europe-west4"] = [[RUNNING] * 3 + [DONE]]
    record = send("vertex", spec_for(service, tmp_path))
    service.always = Refusal(401, "Request had invalid authentication credentials.")
    with refused(remedy="gcloud auth application-default login"):
        ended(record)
    service.always = None
    assert ended(record)[0].state == "succeeded"


@pytest.mark.parametrize("error", [identities.RefreshError("expired"), identities.DefaultCredentialsError("none")])
def test_not_logged_in(error):
    with pytest.raises(FirelibError) as caught, vertex_client.translate_errors("here"):
        raise error
    assert str(error) in caught.value.what
    assert caught.value.where == "here"
    assert "gcloud auth application-default login" in caught.value.remedy


def test_plain_http_is_for_loopback_only():
    with refused(what="http://example.org", where="target.endpoint", remedy="https://"):
        vertex_client.credentials_for("http://example.org")


def test_a_refused_request_is_not_retried(service, tmp_path):
    service.refusals["europe-west4"] = [Refusal(400, "Machine type is not supported.")]
    with refused(what="Machine type is not supported", remedy="--dry-run"):
        send("vertex", spec_for(service, tmp_path))
    assert service.jobs == {}


def test_cancel_cancels_every_attempt(service, tmp_path):
    service.plays |= {"europe-west4": [[STOCK_OUT]], "us-central1": [[RUNNING] * 50]}
    record = send("vertex", spec_for(service, tmp_path))
    VERTEX.advance(record)
    assert len(service.running()) == 1
    VERTEX.cancel(record)
    assert service.running() == []
    assert VERTEX.status(record).state == "cancelled"
    VERTEX.cancel(record)  # once more is no error


def test_status_is_a_query(service, tmp_path):
    service.plays |= {"europe-west4": [[STOCK_OUT]], "us-central1": [[RUNNING] * 50]}
    record = send("vertex", spec_for(service, tmp_path))
    stored = read_record(tmp_path, record.job_id)
    for _ in range(3):
        status = VERTEX.status(record)
        assert status.state == "queued"
        assert f"firelib logs {record.job_id} --follow" in status.message
    assert regions_of(service) == ["europe-west4"]
    assert read_record(tmp_path, record.job_id) == stored
    assert VERTEX.status(VERTEX.advance(record)).state == "running"
    assert regions_of(service) == ["europe-west4", "us-central1"]


def test_status_of_a_slow_queue_cancels_nothing(service, tmp_path):
    service.plays["europe-west4"] = [[QUEUED] * 50]
    service.age = timedelta(seconds=61)
    record = send("vertex", spec_for(service, tmp_path, "europe-west4", queue_seconds=60))
    assert VERTEX.status(record).state == "queued"
    assert len(service.running()) == 1
    assert VERTEX.status(VERTEX.advance(record)).state == "failed"
    assert service.running() == []


def test_a_cancelled_job_tries_no_other_placement(service, tmp_path):
    service.plays["europe-west4"] = [[QUEUED] * 50]
    service.age = timedelta(seconds=61)
    record = send("vertex", spec_for(service, tmp_path, queue_seconds=60))
    VERTEX.cancel(record)
    assert VERTEX.status(VERTEX.advance(record)).state == "cancelled"
    assert regions_of(service) == ["europe-west4"]


def test_a_cancel_while_the_next_attempt_starts_reaches_it(service, tmp_path, monkeypatch):
    service.plays |= {"europe-west4": [[STOCK_OUT]], "us-central1": [[RUNNING] * 50]}
    record = send("vertex", spec_for(service, tmp_path))
    start_attempt = vertex_backend.start_attempt

    def start_and_cancel(*args):
        attempt = start_attempt(*args)
        monkeypatch.setattr(vertex_backend, "start_attempt", start_attempt)
        vertex_backend._update_handle(read_record(tmp_path, record.job_id), {"cancelled": "true"})
        return attempt

    monkeypatch.setattr(vertex_backend, "start_attempt", start_and_cancel)
    assert VERTEX.status(VERTEX.advance(record)).state == "cancelled"
    assert service.running() == []


def test_attempts_of_an_earlier_version_keep_their_placement(service, tmp_path):
    service.plays |= {"europe-west4": [[STOCK_OUT]], "us-central1": [[RUNNING] * 50]}
    record = VERTEX.advance(send("vertex", spec_for(service, tmp_path)))
    for kept in service.jobs.values():
        kept["labels"]["firelib-" + "place"] = kept["labels"].pop("firelib-placement")
    assert VERTEX.status(VERTEX.advance(record)).state == "running"
    assert regions_of(service) == ["europe-west4", "us-central1"]


def test_an_attempt_that_lists_do_not_show_yet_is_found(service, tmp_path):
    service.plays["europe-west4"] = [[RUNNING] * 50]
    service.hidden_in_lists = True
    record = send("vertex", spec_for(service, tmp_path))
    assert VERTEX.status(record).state == "running"
    VERTEX.cancel(record)
    assert service.running() == []


def test_an_attempt_that_lists_do_not_show_yet_is_not_repeated(service, tmp_path):
    service.plays |= {"europe-west4": [[STOCK_OUT]], "us-central1": [[RUNNING] * 50]}
    service.hidden_in_lists = True
    record = send("vertex", spec_for(service, tmp_path, "europe-west4,us-central1,us-east1"))
    assert [VERTEX.status(VERTEX.advance(record)).state for _ in range(3)] == ["running"] * 3
    assert regions_of(service) == ["europe-west4", "us-central1"]


@pytest.fixture
def ctrl_c_enabled():
    """Handle SIGINT even if the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_enabled")
def test_ctrl_c_cancels_the_job(service, tmp_path):
    service.plays["europe-west4"] = [[RUNNING] * 1000]
    record = send("vertex", spec_for(service, tmp_path))

    def press(_):
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        wait_for_job(VERTEX, record, press)
    assert service.running() == []


def test_an_interrupted_submission_leaves_no_job_running(service, tmp_path, monkeypatch):
    service.plays["europe-west4"] = [[RUNNING] * 50]
    create = vertex_client.CustomJobClient.create

    def break_after(self, request):
        create(self, request)
        raise KeyboardInterrupt

    monkeypatch.setattr(vertex_client.CustomJobClient, "create", break_after)
    with pytest.raises(KeyboardInterrupt):
        send("vertex", spec_for(service, tmp_path))
    assert len(service.jobs) == 1
    assert service.running() == []


def test_requests_contain_no_secret(service, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "planted")
    secrets = {"WANDB_API_KEY": "gcp:projects/my-lab/secrets/wandb/versions/3"}
    send("vertex", spec_for(service, tmp_path, secrets=secrets))
    assert "planted" not in json.dumps(list(service.jobs.values()))


def test_a_login_that_expires_while_a_job_is_followed_leaves_it_running(service, tmp_path):
    service.plays["europe-west4"] = [[RUNNING] * 20 + [DONE]]
    record = send("vertex", spec_for(service, tmp_path, "europe-west4"))
    service.expires_after = len(service.asked) + 7
    with refused(remedy="gcloud auth application-default login"):
        ended(record)
    assert len(service.running()) == 1
    service.expires_after = None
    status, log = ended(record)
    assert status.state == "succeeded"
    assert log.splitlines() == service.log.lines("1000")


def test_a_new_service_account_is_waited_for(service, tmp_path):
    unseen = Refusal(400, "Service account trainer@my-lab.iam.gserviceaccount.com does not exist.")
    service.refusals["europe-west4"] = [unseen, unseen]
    send("vertex", spec_for(service, tmp_path))
    assert regions_of(service) == ["europe-west4"]
    service.refusals["europe-west4"] = [unseen] * 20
    with refused(what="does not exist", remedy="target.service_account"):
        send("vertex", spec_for(service, tmp_path))


def test_a_long_queue_is_explained(service, tmp_path):
    service.plays["europe-west4"] = [[QUEUED] * 50]
    service.age = timedelta(minutes=5)
    assert VERTEX.status(send("vertex", spec_for(service, tmp_path))).message == ""
    service.age = timedelta(minutes=45)
    status = VERTEX.status(send("vertex", spec_for(service, tmp_path, job_id="job-2")))
    assert status.state == "queued"
    assert "queued for 45 min" in status.message
    assert "quota" in status.message


def test_web_access_gives_a_shell(service, tmp_path):
    service.plays["europe-west4"] = [[PENDING, Step("JOB_STATE_RUNNING", shell="https://shell.example/1"), DONE]]
    target = {"project": "my-lab", "region": "europe-west4", "endpoint": service.url}
    record = send("vertex", spec_for(service, tmp_path, target={**target, "job_spec.enable_web_access": "true"}))
    with refused(what="at the moment", remedy="while the job runs"):
        VERTEX.shell(record)
    shell = VERTEX.shell(record)
    assert shell.argv[-1] == "https://shell.example/1"
    assert not shell.is_direct


def test_without_web_access_there_is_no_shell(service, tmp_path):
    record = send("vertex", spec_for(service, tmp_path))
    with refused(what="web access is off", remedy="--set job_spec.enable_web_access=true"):
        VERTEX.shell(record)


def registered_job(service, tmp_path, **fields):
    target = {"project": "my-lab", "region": "europe-west4", "endpoint": service.url, "register_model": "flights"}
    return spec_for(service, tmp_path, target=target, **fields)


def test_the_model_of_a_finished_job_is_registered_once(service, tmp_path, capsys):
    record = send("vertex", registered_job(service, tmp_path))
    assert service.models == {}
    assert ended(record)[0].state == "succeeded"
    VERTEX.advance(record)
    [(name, [version])] = service.models.items()
    assert name == "projects/my-lab/locations/europe-west4/models/flights"
    assert version["model"]["artifactUri"] == "gs://bucket/x/jobs/train-1/output/model"
    assert f"registered {name}" in " ".join(capsys.readouterr().err.split())


def test_the_model_of_a_second_job_is_the_next_version(service, tmp_path):
    for number in (1, 2):
        ended(send("vertex", registered_job(service, tmp_path, job_id=f"train-{number}")))
    [versions] = service.models.values()
    assert [version["model"]["labels"]["firelib-job"] for version in versions] == ["train-1", "train-2"]


def test_the_model_of_a_failed_job_is_not_registered(service, tmp_path):
    service.plays["europe-west4"] = [[RUNNING, Step("JOB_STATE_FAILED", "non-zero status of 1")]]
    assert ended(send("vertex", registered_job(service, tmp_path)))[0].state == "failed"
    assert service.models == {}


def test_a_refused_registration_does_not_fail_the_job(service, tmp_path, capsys, monkeypatch):
    record = send("vertex", registered_job(service, tmp_path))

    def refuse(*_):
        raise Refusal(403, "Permission 'aiplatform.models.upload' denied")

    monkeypatch.setattr(service, "_answer_about_models", refuse)
    assert ended(record)[0].state == "succeeded"
    assert "aiplatform.models.upload" in capsys.readouterr().err
    assert service.models == {}
