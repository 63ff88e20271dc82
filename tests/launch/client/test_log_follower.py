"""Logs over bad connections: nothing twice, nothing lost, the end only when the job is over."""

import pytest

from firelib.errors import FirelibError
from firelib.launch.backend import JobStatus, LostConnectionError
from firelib.launch.client.log_follower import follow
from firelib.launch.job_record import JobRecord
from tests.launch.jobs import job


class Scripted:
    """A backend that plays back what each look finds: (state, log so far, whether the connection is lost then)."""

    def __init__(self, *looks):
        self.looks, self.look = looks, -1

    def status(self, record):
        self.look += 1
        state = self.looks[min(self.look, len(self.looks) - 1)][0]
        if state is None:
            raise LostConnectionError("nobody answers")
        return JobStatus(state, 0 if state == "succeeded" else None)

    def advance(self, record):
        return record

    def logs(self, record, follow):
        _, text, lost = self.looks[min(self.look, len(self.looks) - 1)]
        yield from (text[start : start + 4] for start in range(0, len(text), 4))
        if lost:
            raise LostConnectionError("cut")


def shown(*looks):
    parts = []
    status = follow(Scripted(*looks), JobRecord(job(), "scripted"), parts.append, pause=0)
    return "".join(parts), status


def test_a_log_that_ends_is_no_end():
    text, status = shown(
        ("running", "one\n", False), ("running", "one\ntwo\n", False), ("succeeded", "one\ntwo\n3", False)
    )
    assert text == "one\ntwo\n3"
    assert status.state == "succeeded"


def test_a_cut_connection_goes_on_where_it_was():
    text, _ = shown(
        ("queued", "", False),
        ("running", "abcdefghij", True),
        ("running", "abc", True),
        (None, "", False),
        ("succeeded", "abcdefghijklm", False),
    )
    assert text == "abcdefghijklm"


def test_an_error_that_stays_is_not_repeated():
    class Gone(Scripted):
        def status(self, record):
            raise FirelibError("the job was deleted")

    with pytest.raises(FirelibError) as caught:
        follow(Gone(), JobRecord(job(), "gone"), print, pause=0)
    assert caught.value.what == "the job was deleted"
