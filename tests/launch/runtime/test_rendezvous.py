"""The files in which replicas meet."""

import stat

import pytest

from firelib.errors import FirelibError
from firelib.launch.runtime.entrypoint import meeting_place
from firelib.launch.runtime.rendezvous import Rendezvous, new_head


@pytest.fixture
def meeting(tmp_path):
    return Rendezvous(str(tmp_path / "meeting"))


def test_replicas_find_the_head_and_are_counted(meeting):
    assert meeting.head() is None
    head = new_head("10.0.0.1:6379")
    meeting.announce(head)
    assert meeting.head() == head
    assert meeting.joined(3, head) == []
    meeting.join(2, head)
    assert meeting.joined(3, head) == [2]


def test_a_head_that_started_again_is_another(meeting):
    first, second = new_head("a:1"), new_head("a:1")
    assert first.token != second.token
    meeting.announce(first)
    meeting.join(1, first)
    meeting.announce(second)
    assert meeting.head() == second
    assert meeting.joined(2, second) == []


def test_the_end_is_told_until_a_new_attempt(meeting):
    head = new_head("a:1")
    meeting.announce(head)
    meeting.end(head, 75)
    assert meeting.ended() == (head.attempt, 75)
    meeting.announce(new_head("a:1"))
    assert meeting.ended() is None


def test_the_token_is_private_and_goes_away(meeting, tmp_path):
    head = new_head("a:1")
    meeting.announce(head)
    [file] = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert head.token in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    meeting.clear()
    assert meeting.head() is None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_where_replicas_meet():
    assert meeting_place({"FIRELIB_STORAGE_ROOT": "/r", "FIRELIB_JOB_ID": "j"}) == "/r/jobs/j/meeting"
    assert meeting_place({"FIRELIB_STORAGE_ROOT": "gs://b", "CLOUD_ML_JOB_ID": "7"}) == "gs://b/jobs/7/meeting"
    assert meeting_place({"AIP_CHECKPOINT_DIR": "gs://b/out/checkpoints/"}) == "gs://b/out/checkpoints/meeting"
    with pytest.raises(FirelibError) as caught:
        meeting_place({})
    assert "FIRELIB_STORAGE_ROOT" in caught.value.remedy
    assert "AIP_CHECKPOINT_DIR" in caught.value.remedy
