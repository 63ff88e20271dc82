import time

import pytest

from firelib.train.driver import node_probe
from firelib.train.driver.node_probe import probe_nodes, wait_for_worker_slots
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.train_stage import train
from tests.errors import refused
from tests.patience import patience, wait_until
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_node_is_reachable_and_has_its_resources():
    (node,) = probe_nodes()
    assert node.is_reachable
    assert node.total["CPU"] == 2


def test_slots_are_counted_up_to_the_number_wanted():
    assert wait_for_worker_slots(WorkerResources(1), 2, 30) == 2
    assert wait_for_worker_slots(WorkerResources(1), 9, 30) == 2
    assert wait_for_worker_slots(WorkerResources(0.5), 3, 30) == 3
    assert wait_for_worker_slots(WorkerResources(1, gpus=1), 2, 30) == 0


def test_occupied_slot_is_waited_for_until_the_timeout(tmp_path, capfd, monkeypatch):
    import ray

    monkeypatch.setattr(node_probe, "_QUIET_SECONDS", 0.0)

    @ray.remote(num_cpus=1)
    def occupy() -> None:
        (tmp_path / "started").touch()
        while not (tmp_path / "go").exists():
            time.sleep(0.05)

    task = occupy.remote()
    try:
        wait_until((tmp_path / "started").exists, 60, "a task that occupies a CPU")
        wait_until(lambda: probe_nodes()[0].free.get("CPU") == 1, 30, "Ray counts it")
        assert wait_for_worker_slots(WorkerResources(1), 2, 3) == 1
        assert "1 of 2" in capfd.readouterr().err
    finally:
        (tmp_path / "go").touch()
        ray.get(task)
    assert wait_for_worker_slots(WorkerResources(1), 2, patience(60)) == 2


def test_more_workers_than_cpus_is_refused_before_waiting(tmp_path):
    with refused(["99 workers", "2 CPUs"], where="train.workers"):
        train(Toy(), toy_params(workers=99), UNTRACKED, write_toy(tmp_path))
