"""The monitor's thread survives failing probes. Hanging workers are ended in test_drills.py."""

import time

import pytest

from firelib.train.driver import growth
from firelib.train.driver.growth import Growth
from firelib.train.driver.monitor import monitor_workers
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.slot_reservation import SlotReservation
from firelib.train.progress_actor import ProgressSnapshot, WorkerIdentity
from tests.patience import wait_until
from tests.train.toy import toy_params


@pytest.mark.usefixtures("ray_cluster")
def test_failing_probe_ends_growing_and_nothing_else(monkeypatch, capfd):
    import ray

    probes = []

    def fail(resources):
        probes.append(time.monotonic())
        raise RuntimeError("the control store does not answer")

    def heartbeat():
        return ray.get(monitor.board.heartbeat.remote(WorkerIdentity(0, 1, "node", None), 0))

    monkeypatch.setattr(growth, "count_free_slots", fail)
    monkeypatch.setattr(growth, "_INTERVAL_SECONDS", 0.0)
    one = WorkerResources(1)
    growing = Growth(1, 2, one, SlotReservation(one))
    with monitor_workers(toy_params(workers=2).train, growing) as monitor:
        ray.get(monitor.board.set_progress.remote(ProgressSnapshot(1, 1, 1, 9, 1.0, 0.5)))
        wait_until(lambda: probes, 30, "a probe")
        assert not heartbeat()
        monitor.stop_requested.set()  # as SIGTERM does
        wait_until(heartbeat, 30, "the request to stop")
    assert len(probes) == 1
    assert capfd.readouterr().err.count("control store") == 1
