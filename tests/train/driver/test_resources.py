import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.train.driver.resources import Node, WorkerResources, choose_resources, count_slots, uses_gpus
from tests.errors import refused
from tests.train.toy import toy_params

LAPTOP = {"CPU": 2.0}
GPU_NODE = {"CPU": 8.0, "GPU": 2.0}


def cluster(*totals):
    return [Node(total, free={}) for total in totals]


def choose(nodes, workers=2, **train):
    return choose_resources(nodes, toy_params(workers, train=train).train)


def test_worker_has_to_fit_on_one_node():
    assert count_slots([{"CPU": 3.0}, {"CPU": 3.0}], WorkerResources(2)) == 2
    assert count_slots([{"CPU": 6.0}], WorkerResources(2)) == 3
    assert count_slots([], WorkerResources(2)) == 0


def test_the_scarcest_resource_limits_the_slots():
    assert count_slots([GPU_NODE, LAPTOP], WorkerResources(1, gpus=1)) == 2
    assert count_slots([GPU_NODE, LAPTOP], WorkerResources(8, gpus=1)) == 1


def test_fractions_of_cores_are_not_lost_to_rounding():
    assert count_slots([{"CPU": 0.1 + 0.2}], WorkerResources(0.1)) == 3
    assert count_slots([{"CPU": 2.0}], WorkerResources(0.2)) == 10


@given(st.lists(st.integers(0, 64)), st.integers(1, 8))
def test_slots_are_counted_per_node(cores, cpus):
    nodes = [{"CPU": float(count)} for count in cores]
    assert count_slots(nodes, WorkerResources(cpus)) == sum(count // cpus for count in cores)


def test_cluster_without_gpus_gives_cpus():
    assert choose(cluster(LAPTOP)) == WorkerResources(1)
    assert choose(cluster(LAPTOP)).by_name == {"CPU": 1}


def test_cluster_with_enough_gpus_gives_one_per_worker():
    assert choose(cluster(LAPTOP, GPU_NODE), cpus_per_worker=4) == WorkerResources(4, gpus=1)
    assert choose(cluster(GPU_NODE)).by_name == {"CPU": 1, "GPU": 1}


def test_too_few_gpus_are_not_used_and_the_user_is_told(capfd):
    assert choose(cluster(GPU_NODE), workers=3) == WorkerResources(1)
    said = capfd.readouterr().err
    assert "2 GPUs" in said
    assert "3 workers" in said


@pytest.mark.parametrize(
    ("workers", "device", "expected"), [(2, "auto", True), (3, "auto", False), (2, "cpu", False), (3, "gpu", True)]
)
def test_whether_workers_take_gpus(workers, device, expected):
    settings = toy_params(workers, train={"device": device}).train
    assert uses_gpus(cluster(GPU_NODE), settings) is expected


def test_device_cpu_uses_no_gpus():
    assert choose(cluster(GPU_NODE), device="cpu") == WorkerResources(1)


def test_more_workers_than_gpus_are_refused_with_device_gpu():
    what = ["3 workers", "1 CPU and 1 GPU", "8 CPUs and 2 GPUs", "2 worker slots"]
    with refused(what, where="train.workers", remedy="train.device: cpu"):
        choose(cluster(GPU_NODE), workers=3, device="gpu")


def test_more_workers_than_cores_are_refused():
    what = ["3 workers", "2 CPUs", "6 CPUs", "2 worker slots"]
    with refused(what, where="train.workers", remedy="train.cpus_per_worker"):
        choose(cluster({"CPU": 3.0}, {"CPU": 3.0}), workers=3, cpus_per_worker=2)
