"""The log of a job, read through HTTP from a service with quota, late entries and entries out of order."""

import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.vertex.custom_job_status import CustomJobStatus
from firelib.launch.backends.vertex.logs import job_log
from firelib.launch.backends.vertex.logs.request_budget import MOST_REQUESTS, RequestBudget
from tests.launch.backends.vertex.logs.clock import Clock
from tests.launch.fake_jobs import Refusal, fake_jobs
from tests.launch.fake_log import FakeLog, QuotaExceededError

START = datetime(2026, 11, 30, 12, tzinfo=UTC)
LINES, POLL_SECONDS, LATEST = 10_000, 6.0, 60.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def service(clock, monkeypatch):
    monkeypatch.setattr(job_log, "RequestBudget", lambda: RequestBudget(clock, clock.sleep))
    with fake_jobs() as running:
        running.log = FakeLog(clock)
        yield running


def open_log(service):
    """The log of a job, and the numbers of its attempts, of which there may be more later."""
    names = ["1000"]
    attempts = {
        name: CustomJobStatus({"name": f"projects/p/locations/r/customJobs/{name}"}) for name in ("1000", "1001")
    }
    return job_log.JobLog("my-lab", service.url, lambda: [attempts[name] for name in names]), names


def read_on(log):
    """Read what is new; a reading may break off."""
    lines = []
    with suppress(LostConnectionError):
        lines.extend(line.rstrip() for line in log.read())
    return lines


def follow(service, clock, log, rate):
    """Write `LINES` lines, `rate` a second, each visible after up to a minute; return what is read meanwhile."""
    dice, read, written = random.Random(0), [], 0
    while clock() < LINES / rate + 4 * LATEST:
        for number in range(written, min(LINES, int(rate * clock()))):
            time = START + timedelta(seconds=number / rate)
            service.log.write("1000", f"line {number}", time, delay=dice.choice([0.0, 1.0, dice.uniform(0, LATEST)]))
            written = number + 1
        read += read_on(log)
        clock.sleep(POLL_SECONDS)
    return read


def most_reads_a_minute(reads):
    return max(sum(1 for other in reads if time <= other < time + 60) for time in reads)


def test_of_10000_lines_none_is_lost_and_none_comes_twice(service, clock):
    log, _ = open_log(service)
    read = follow(service, clock, log, rate=50)
    assert Counter(read) == Counter(f"line {number}" for number in range(LINES))
    assert service.log.refused == 0
    assert most_reads_a_minute(service.log.reads) <= MOST_REQUESTS


def test_nothing_is_lost_while_other_readers_use_up_the_quota(service, clock, monkeypatch):
    log, _ = open_log(service)
    read_page, others = service.log.list, {"filter": "", "pageSize": 1}

    def list_in_a_busy_project(query):
        for _ in range(random.Random(clock()).choice([0, 0, 20])):
            try:
                read_page(others)
            except QuotaExceededError:
                break
        return read_page(query)

    monkeypatch.setattr(service.log, "list", list_in_a_busy_project)
    read = follow(service, clock, log, rate=100)
    assert service.log.refused > 10
    assert Counter(read) == Counter(f"line {number}" for number in range(LINES))


def test_a_log_that_is_read_later_comes_whole_and_in_order(service):
    for number in range(2500):
        service.log.write("1000", f"line {number}", START + timedelta(milliseconds=number // 7))
    log, _ = open_log(service)
    assert read_on(log) == service.log.lines("1000")
    assert len(service.log.reads) == 3
    assert read_on(log) == []


def test_the_log_of_a_replaced_attempt_is_read_to_its_end_and_then_no_more(service):
    service.log.write("1000", "first", START)
    log, names = open_log(service)
    assert read_on(log) == ["first"]
    service.log.write("1000", "first again", START)
    service.log.write("1001", "second", START)
    names.append("1001")
    assert read_on(log) == ["first again", "second"]
    before = len(service.log.reads)
    assert read_on(log) == []
    assert len(service.log.reads) == before + 1


def test_an_expired_login_is_no_lost_connection(service):
    service.log.write("1000", "first", START)
    log, _ = open_log(service)
    assert read_on(log) == ["first"]
    service.always = Refusal(401, "Request had invalid authentication credentials.")
    with pytest.raises(FirelibError) as caught:
        list(log.read())
    assert "gcloud auth application-default login" in caught.value.remedy
    service.always = None
    service.log.write("1000", "second", START)
    assert read_on(log) == ["second"]
