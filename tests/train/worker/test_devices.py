import pytest

from firelib.train.worker.devices import build_worker_environment, require_one_device_per_worker
from tests.errors import refused


@pytest.fixture(scope="module")
def on_one_cpu():
    import tensorflow as tf

    return tf.distribute.OneDeviceStrategy("/cpu:0")


def test_one_device_per_worker_is_accepted(on_one_cpu):
    require_one_device_per_worker(on_one_cpu, world_size=1, on_gpu=False)


def test_gpu_that_tensorflow_does_not_see_is_refused(on_one_cpu):
    with refused("GPU", where="CPU", remedy=["extra `gpu`", "train.device: cpu"]):
        require_one_device_per_worker(on_one_cpu, world_size=1, on_gpu=True)


def test_other_number_of_devices_is_refused(on_one_cpu):
    with refused([1, 2], where="CPU", remedy="train.workers"):
        require_one_device_per_worker(on_one_cpu, world_size=2, on_gpu=False)


def test_worker_without_a_gpu_hides_the_gpus_of_its_node():
    assert build_worker_environment(1, on_gpu=False)["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "CUDA_VISIBLE_DEVICES" not in build_worker_environment(1, on_gpu=True)
    assert build_worker_environment(2.6, on_gpu=False)["TF_NUM_INTRAOP_THREADS"] == "3"
