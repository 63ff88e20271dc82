"""Logs over bad connections: nothing is repeated or lost, and following ends only when the job is over."""

from firelib.errors import FirelibError
from firelib.launch.backend import Backend, JobStatus, LostConnectionError
from firelib.launch.client.log_follower import follow
from firelib.launch.job_record import JobRecord
from tests.errors import refused
from tests.launch.jobs import job


class Scripted:
    """A backend that replays one result for each poll: (state, log so far, whether the connection is lost then)."""

    poll_seconds, log_delay_seconds = 0.0, 0.0
    open_log = Backend.open_log

    def __init__(self, *polls):
        self.polls, self.index = polls, -1

    def status(self, record):
        self.index += 1
        state = self.polls[min(self.index, len(self.polls) - 1)][0]
        if state is None:
            raise LostConnectionError("no answer")
        return JobStatus(state, 0 if state == "succeeded" else None)

    def advance(self, record):
        return record

    def logs(self, record, follow):
        _, text, lost = self.polls[min(self.index, len(self.polls) - 1)]
        yield from (text[start : start + 4] for start in range(0, len(text), 4))
        if lost:
            raise LostConnectionError("cut")


def show(*polls):
    parts = []
    status = follow(Scripted(*polls), JobRecord(job(), "scripted"), parts.append, pause=0)
    return "".join(parts), status


def test_the_end_of_a_log_is_not_the_end_of_the_job():
    text, status = show(
        ("running", "one\n", False), ("running", "one\ntwo\n", False), ("succeeded", "one\ntwo\n3", False)
    )
    assert text == "one\ntwo\n3"
    assert status.state == "succeeded"


def test_a_lost_connection_resumes():
    text, _ = show(
        ("queued", "", False),
        ("running", "abcdefghij", True),
        ("running", "abc", True),
        (None, "", False),
        ("succeeded", "abcdefghijklm", False),
    )
    assert text == "abcdefghijklm"


def test_a_permanent_error_is_not_retried():
    class Gone(Scripted):
        def status(self, record):
            raise FirelibError("the job was deleted")

    with refused(what="the job was deleted"):
        follow(Gone(), JobRecord(job(), "gone"), print, pause=0)


class Lagging(Scripted):
    """A backend whose log ends some readings after the job; some of them fail."""

    log_delay_seconds = 0.3

    def __init__(self, *readings):
        super().__init__(("succeeded", "", False))
        self.readings = list(readings)

    def open_log(self, record):
        def read_on():
            found = self.readings.pop(0) if self.readings else ""
            if found is None:
                raise LostConnectionError("too many requests")
            yield from found

        return read_on


def test_output_that_arrives_after_the_end_of_the_job_is_shown():
    parts = []
    chosen = Lagging("a", "", None, "b", "", "c")
    assert follow(chosen, JobRecord(job(), "lagging"), parts.append, pause=0.01).state == "succeeded"
    assert "".join(parts) == "abc"
    assert chosen.readings == []
