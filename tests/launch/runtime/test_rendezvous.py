"""The files of the rendezvous."""

import stat

import pytest

from firelib.errors import UnreachableError
from firelib.launch.runtime import rendezvous as module
from firelib.launch.runtime.rendezvous import Rendezvous, create_head, rendezvous_uri
from tests.errors import refused


@pytest.fixture
def rendezvous(tmp_path):
    return Rendezvous(str(tmp_path / "meeting"))


def test_replicas_find_the_head_and_are_counted(rendezvous):
    assert rendezvous.read_head() is None
    head = create_head("10.0.0.1:6379")
    rendezvous.publish_head(head)
    assert rendezvous.read_head() == head
    assert rendezvous.list_joined(3, head) == []
    rendezvous.register(2, head)
    assert rendezvous.list_joined(3, head) == [2]


def test_a_restarted_head_is_another_head(rendezvous):
    first, second = create_head("a:1"), create_head("a:1")
    assert first.token != second.token
    rendezvous.publish_head(first)
    rendezvous.register(1, first)
    rendezvous.publish_head(second)
    assert rendezvous.read_head() == second
    assert rendezvous.list_joined(2, second) == []


def test_the_exit_code_is_published_until_a_new_attempt(rendezvous):
    head = create_head("a:1")
    rendezvous.publish_head(head)
    rendezvous.publish_exit(head, 75)
    assert rendezvous.read_exit() == (head.attempt, 75)
    rendezvous.publish_head(create_head("a:1"))
    assert rendezvous.read_exit() is None


def test_the_token_is_private_and_is_removed(rendezvous, tmp_path):
    head = create_head("a:1")
    rendezvous.publish_head(head)
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert head.token in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    rendezvous.remove_head()
    assert rendezvous.read_head() is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_uri_of_the_rendezvous_folder():
    assert rendezvous_uri({"FIRELIB_STORAGE_ROOT": "/r", "FIRELIB_JOB_ID": "j"}) == "/r/jobs/j/meeting"
    assert rendezvous_uri({"FIRELIB_STORAGE_ROOT": "gs://b", "CLOUD_ML_JOB_ID": "7"}) == "gs://b/jobs/7/meeting"
    both = {"FIRELIB_STORAGE_ROOT": "/r", "FIRELIB_JOB_ID": "j", "CLOUD_ML_JOB_ID": "7"}
    assert rendezvous_uri(both) == "/r/jobs/j/meeting/7", "each CustomJob of a job has its own"
    assert rendezvous_uri({**both, "CLOUD_ML_JOB_ID": "j"}) == "/r/jobs/j/meeting"
    assert rendezvous_uri({"AIP_CHECKPOINT_DIR": "gs://b/out/checkpoints/"}) == "gs://b/out/checkpoints/meeting"
    with refused(where="the environment of this replica", remedy=["FIRELIB_STORAGE_ROOT", "AIP_CHECKPOINT_DIR"]):
        rendezvous_uri({})


def test_a_replica_that_cannot_run_the_job_says_why(rendezvous):
    assert rendezvous.list_failures(3) == {}
    rendezvous.report_failure(2, "the image has no CUDA")
    assert rendezvous.list_failures(3) == {2: "the image has no CUDA"}
    rendezvous.withdraw_failure(2)
    assert rendezvous.list_failures(3) == {}
    rendezvous.withdraw_failure(2)  # nothing is left to withdraw


def test_a_folder_that_cannot_be_read_is_no_lost_head(tmp_path, monkeypatch):
    rendezvous, head = Rendezvous(str(tmp_path)), create_head("10.0.0.1:1")
    assert not rendezvous.is_current(head)
    rendezvous.publish_head(head)
    assert rendezvous.is_current(head)
    assert not rendezvous.is_current(create_head("10.0.0.1:1"))

    def fail(_):
        raise UnreachableError("the store does not answer", where="gs://b", remedy="wait")

    monkeypatch.setattr(module.storage, "read_json", fail)
    assert rendezvous.is_current(head)
