"""Reserved worker slots, on a real Ray of two CPUs: what one training has reserved, no other one gets."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from firelib.train.driver import growth
from firelib.train.driver.growth import Growth
from firelib.train.driver.node_probe import count_free_slots
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.slot_reservation import SlotReservation
from firelib.train.progress_actor import ProgressSnapshot
from tests.patience import patience, wait_until

ONE = WorkerResources(1)
CPUS = 2


@pytest.fixture(autouse=True)
def _free_slots(ray_cluster):
    """Wait for the CPUs that earlier tests give up, and leave all of them free."""
    wait_until(lambda: count_free_slots(ONE) == CPUS, 60, "all slots are free")
    yield
    wait_until(lambda: count_free_slots(ONE) == CPUS, 60, "all slots are free again")


def test_reserved_slots_are_not_free():
    with SlotReservation(ONE) as reservation:
        assert reservation.reserve(1, patience(30))
        wait_until(lambda: count_free_slots(ONE) == 1, 30, "one free slot")
        assert reservation.reserve(1, patience(30))
        wait_until(lambda: count_free_slots(ONE) == 0, 30, "no free slot")
        assert reservation.slots == CPUS


def test_all_slots_are_reserved_or_none():
    with SlotReservation(ONE) as reservation:
        assert not reservation.reserve(CPUS + 1, 1)
        assert reservation.slots == 0
        assert reservation.reserve(CPUS, patience(30))


def test_one_of_two_trainings_that_see_the_same_free_slot_stops(monkeypatch):
    """Both see one free slot all the time, like drivers whose view of the cluster is out of date."""
    monkeypatch.setattr(growth, "count_free_slots", lambda _: 1)
    monkeypatch.setattr(growth, "_INTERVAL_SECONDS", 0.0)
    monkeypatch.setattr(growth, "_RESERVE_SECONDS", patience(30))

    def train(reservation):
        watch = Growth(1, 2, ONE, reservation)
        snapshots = [ProgressSnapshot(1, 1, step, 10**9, 1.0, 0.5) for step in range(1, 4)]
        return [watch.find_more_workers(snapshot) for snapshot in snapshots][-1]

    with SlotReservation(ONE) as job, SlotReservation(ONE) as first, SlotReservation(ONE) as second:
        assert job.reserve(1, patience(30))
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(train, (first, second)))
        assert sorted(found) == [0, 2]
        assert [first.slots, second.slots] == [found_workers // 2 for found_workers in found]


def test_next_attempt_takes_the_reserved_slots():
    """As in Ray Train's controller: the reserved slots are freed, and asked for again as one group."""
    from firelib.train.driver.ray_trainer import _FreeReservedSlots

    with SlotReservation(ONE) as reservation, SlotReservation(ONE) as workers:
        assert reservation.reserve(1, patience(30))
        assert reservation.reserve(1, patience(30))
        _FreeReservedSlots(reservation.hand_over()).before_worker_group_start(None)
        assert reservation.slots == 0
        assert workers.reserve(CPUS, patience(30))
        reservation.release()
        assert not reservation.reserve(1, 1), "releasing once more leaves the workers' slots alone"
