import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.errors import FirelibError
from firelib.train.driver.resources import Node, Share, places, share_of
from tests.train.toy import toy_params

LAPTOP = {"CPU": 2.0}
GPU_HOST = {"CPU": 8.0, "GPU": 2.0}


def cluster(*totals):
    return [Node(total, free={}) for total in totals]


def share(nodes, workers=2, **train):
    return share_of(nodes, toy_params(workers, train=train).train)


def test_worker_has_to_fit_on_one_node():
    assert places([{"CPU": 3.0}, {"CPU": 3.0}], Share(2)) == 2
    assert places([{"CPU": 6.0}], Share(2)) == 3
    assert places([], Share(2)) == 0


def test_what_is_rarer_decides():
    assert places([GPU_HOST, LAPTOP], Share(1, gpus=1)) == 2
    assert places([GPU_HOST, LAPTOP], Share(8, gpus=1)) == 1


def test_parts_of_cores_add_up_in_spite_of_rounding():
    assert places([{"CPU": 0.1 + 0.2}], Share(0.1)) == 3
    assert places([{"CPU": 2.0}], Share(0.2)) == 10


@given(st.lists(st.integers(0, 64)), st.integers(1, 8))
def test_places_are_never_more_than_cores(cores, cpus):
    nodes = [{"CPU": float(count)} for count in cores]
    assert places(nodes, Share(cpus)) == sum(count // cpus for count in cores)


def test_cpus_where_there_is_no_gpu():
    assert share(cluster(LAPTOP)) == Share(1)
    assert share(cluster(LAPTOP)).named == {"CPU": 1}


def test_a_gpu_each_where_there_are_enough():
    assert share(cluster(LAPTOP, GPU_HOST), cpus_per_worker=4) == Share(4, gpus=1)
    assert share(cluster(GPU_HOST)).named == {"CPU": 1, "GPU": 1}


def test_too_few_gpus_are_said_and_left_alone(capfd):
    assert share(cluster(GPU_HOST), workers=3) == Share(1)
    said = capfd.readouterr().err
    assert "2 GPUs" in said
    assert "3 workers" in said


def test_gpus_can_be_left_alone():
    assert share(cluster(GPU_HOST), device="cpu") == Share(1)


def test_more_workers_than_gpus_are_refused_where_gpus_are_wanted():
    with pytest.raises(FirelibError) as caught:
        share(cluster(GPU_HOST), workers=3, device="gpu")
    assert all(part in caught.value.what for part in ("3 workers", "1 CPU and 1 GPU", "8 CPUs and 2 GPUs"))
    assert "train.workers" in caught.value.where
    assert "train.device: cpu" in caught.value.remedy


def test_more_workers_than_cores_are_refused():
    with pytest.raises(FirelibError) as caught:
        share(cluster({"CPU": 3.0}, {"CPU": 3.0}), workers=3, cpus_per_worker=2)
    assert all(part in caught.value.what for part in ("3 workers", "2 CPUs", "6 CPUs"))
    assert "train.cpus_per_worker" in caught.value.remedy
