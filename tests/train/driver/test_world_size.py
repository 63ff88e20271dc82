"""How many workers an attempt gets, with the real wait for slots, on a clock and nodes that the test sets: no Ray."""

from types import SimpleNamespace

import pytest

from firelib.train.driver import node_probe
from firelib.train.driver.growth import SLOT_SECONDS
from firelib.train.driver.resources import Node, WorkerResources
from firelib.train.driver.world_size import WorldSize
from tests.errors import refused
from tests.train.toy import toy_params
from tests.train.unlimited_slots import UnlimitedSlots

START_SECONDS = 300
TOTAL = 4


class Cluster:
    """One node of four CPUs, of which other jobs leave `free` at each second."""

    def __init__(self, monkeypatch):
        self.now, self.free = 0.0, lambda now: 2
        monkeypatch.setattr(node_probe, "time", SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep))
        monkeypatch.setattr(node_probe, "probe_nodes", lambda: [Node({"CPU": TOTAL}, {"CPU": self.free(self.now)})])

    def sleep(self, seconds):
        self.now += seconds

    def grow(self, min_workers=1):
        """The size of a group that trains with 2 of 4 workers and has stopped to grow to 3: the third slot is reserved.

        What other jobs leave free is counted without the reserved slots, as Ray does.
        """
        train = {"start_seconds": START_SECONDS, "min_workers": min_workers}
        self.reservation = UnlimitedSlots(WorkerResources(1))
        size = WorldSize(toy_params(TOTAL, train=train).train, WorkerResources(1), self.reservation)
        assert size.choose() == 2
        assert self.now == START_SECONDS
        self.reservation.reserve(1, 0)
        size.grow()
        self.now = 0.0
        return size


@pytest.fixture
def cluster(monkeypatch):
    return Cluster(monkeypatch)


def test_growing_waits_for_the_slots_of_the_old_workers_only(cluster):
    size = cluster.grow()
    cluster.free = lambda now: 2 if now >= 1 else 0  # the old workers have just ended
    assert size.choose() == 3
    assert cluster.now <= 2
    assert cluster.reservation.slots == 3, "another training must not take the slots of the old workers"


def test_group_that_cannot_reserve_its_old_slots_starts_nevertheless(cluster):
    size = cluster.grow()
    cluster.reservation.refused = 1
    assert size.choose() == 3
    assert cluster.reservation.slots == 1


def test_slot_that_the_workers_gave_up_and_another_job_took_is_not_waited_for(cluster):
    size = cluster.grow()
    cluster.free = lambda now: 1
    assert size.choose() == 2
    assert cluster.now == SLOT_SECONDS
    size.shrink(has_progressed=False)
    assert size.growth_pause == 0, "it was no growth, so none has failed"
    assert cluster.reservation.slots == 0, "a lost group keeps no slots from others"


def test_slots_of_the_old_workers_are_waited_for(cluster):
    size = cluster.grow()
    cluster.free = lambda now: int(now >= 100)
    assert size.choose() == 2
    assert 100 <= cluster.now <= 101


def test_training_goes_on_with_the_reserved_slot(cluster):
    size = cluster.grow()
    cluster.free = lambda now: 0
    assert size.choose() == 1
    assert cluster.now == SLOT_SECONDS + START_SECONDS


def test_training_that_stopped_to_grow_outwaits_other_jobs(cluster):
    size = cluster.grow(min_workers=2)
    cluster.free = lambda now: int(now >= 10 * START_SECONDS)
    assert size.choose() == 2


def test_training_ends_if_too_few_slots_become_free_after_a_growth(cluster):
    size = cluster.grow(min_workers=2)
    cluster.free = lambda now: 0
    with refused([2, 1, "1 CPU"], where=[12, "train.start_seconds (300 s"], remedy="train.min_workers"):
        size.choose()
    assert cluster.now == SLOT_SECONDS + 12 * START_SECONDS
