"""When a group restarts with more workers, with a clock and free slots that the test sets."""

from types import SimpleNamespace

import pytest

from firelib.train.driver import growth
from firelib.train.driver.growth import Growth, saved_seconds
from firelib.train.driver.resources import WorkerResources
from firelib.train.progress_actor import ProgressSnapshot
from tests.train.unlimited_slots import UnlimitedSlots


class Driver:
    """Takes a step a second, after a start of ten seconds, and asks each second whether to grow."""

    def __init__(self, monkeypatch, free, steps=1000, world_size=1, wanted=2, pause=0.0):
        self.now, self.steps, self.probes = 0.0, steps, 0
        self.free = free
        monkeypatch.setattr(growth, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(growth, "count_free_slots", self.count_free_slots)
        self.reservation = UnlimitedSlots(WorkerResources(1))
        self.growth = Growth(world_size, wanted, WorkerResources(1), self.reservation, pause)
        self.growth._started = 0.0

    def count_free_slots(self, resources):
        self.probes += 1
        return self.free(self.now)

    def train(self, seconds):
        """The second in which to grow, and with how many workers; None if it never does."""
        for second in range(10, seconds):
            self.now = float(second)
            snapshot = ProgressSnapshot(1, 1, second - 9, self.steps, 1.0, 0.5)
            if found := self.growth.find_more_workers(snapshot):
                return second, found
        return None


def test_grows_when_a_slot_stays_free(monkeypatch):
    second, workers = Driver(monkeypatch, lambda now: int(now >= 100)).train(200)
    assert 100 < second <= 100 + 4 * growth._INTERVAL_SECONDS
    assert workers == 2


def test_slots_of_the_additional_workers_are_reserved(monkeypatch):
    driver = Driver(monkeypatch, lambda now: 2, world_size=2, wanted=4)
    assert driver.train(100)[1] == 4
    assert driver.reservation.slots == 2


def test_slot_that_another_training_has_reserved_is_no_reason_to_stop(monkeypatch):
    driver = Driver(monkeypatch, lambda now: 1)
    taken = driver.train(100)[0]
    driver = Driver(monkeypatch, lambda now: 1)
    driver.reservation.refused = 1
    second, workers = driver.train(100)
    assert workers == 2
    assert second >= taken + growth._STABLE_PROBES * growth._INTERVAL_SECONDS, "it looks again as often as before"


def test_takes_no_more_workers_than_wanted(monkeypatch):
    assert Driver(monkeypatch, lambda now: 9, wanted=4).train(100)[1] == 4


def test_slot_between_two_jobs_is_not_worth_a_restart(monkeypatch):
    assert Driver(monkeypatch, lambda now: int(now // growth._INTERVAL_SECONDS % 2)).train(500) is None


def test_end_of_training_is_not_worth_a_restart(monkeypatch):
    """With 20 s left, two workers save 10 s; a start takes as long."""
    assert Driver(monkeypatch, lambda now: int(now >= 100), steps=111).train(121) is None


@pytest.mark.parametrize(("steps", "grows"), [(120, False), (150, True)])
def test_wait_for_slots_counts_as_cost(monkeypatch, steps, grows):
    """Two workers save 15 s or 30 s: more than the start's 10 s, but 10 s of waiting may come on top."""
    driver = Driver(monkeypatch, lambda now: int(now >= 100), steps=steps)
    assert bool(driver.train(steps + 10)) == grows


def test_growth_pauses_after_a_failure(monkeypatch):
    driver = Driver(monkeypatch, lambda now: 1, pause=300.0)
    assert 310 <= driver.train(900)[0] <= 310 + 3 * growth._INTERVAL_SECONDS


def test_full_group_asks_nobody(monkeypatch):
    driver = Driver(monkeypatch, lambda now: 1, world_size=2)
    assert driver.train(100) is None
    assert driver.probes == 0


def test_nothing_is_decided_before_the_first_step(monkeypatch):
    driver = Driver(monkeypatch, lambda now: 1)
    assert driver.growth.find_more_workers(None) == 0
    assert driver.probes == 0


@pytest.mark.parametrize(("world_size", "possible", "saved"), [(1, 2, 50), (1, 4, 75), (3, 4, 25), (2, 2, 0)])
def test_saved_seconds(world_size, possible, saved):
    assert saved_seconds(100, world_size, possible) == pytest.approx(saved)
