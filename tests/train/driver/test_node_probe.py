import time

import pytest

from firelib.errors import FirelibError
from firelib.train.driver import node_probe
from firelib.train.driver.node_probe import free_places, live_nodes
from firelib.train.driver.resources import Share
from firelib.train.driver.train_stage import train
from tests.patience import patience, wait_until
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_node_answers_and_says_what_it_has():
    (node,) = live_nodes()
    assert node.answers
    assert node.total["CPU"] == 2


def test_free_places_are_counted_up_to_those_wanted():
    assert free_places(Share(1), 2, 30) == 2
    assert free_places(Share(1), 9, 30) == 2
    assert free_places(Share(0.5), 3, 30) == 3
    assert free_places(Share(1, gpus=1), 2, 30) == 0


def test_place_that_others_hold_is_waited_for_then_done_without(tmp_path, capfd, monkeypatch):
    import ray

    monkeypatch.setattr(node_probe, "_QUIET_SECONDS", 0.0)

    @ray.remote(num_cpus=1)
    def hold() -> None:
        (tmp_path / "held").touch()
        while not (tmp_path / "go").exists():
            time.sleep(0.05)

    task = hold.remote()
    try:
        wait_until((tmp_path / "held").exists, 60, "a task that holds a CPU")
        wait_until(lambda: live_nodes()[0].free.get("CPU") == 1, 30, "Ray counts it")
        assert free_places(Share(1), 2, 3) == 1
        assert "1 of 2" in capfd.readouterr().err
    finally:
        (tmp_path / "go").touch()
        ray.get(task)
    assert free_places(Share(1), 2, patience(60)) == 2


def test_more_workers_than_cpus_is_refused_before_waiting(tmp_path):
    with pytest.raises(FirelibError) as caught:
        train(Toy(), toy_params(workers=99), UNTRACKED, write_toy(tmp_path))
    assert all(part in caught.value.what for part in ("99 workers", "2 CPUs"))
    assert "train.workers" in caught.value.where
