import re

import pytest

from firelib.errors import FirelibError
from firelib.train.worker.devices import require_own_device, worker_environment


@pytest.fixture(scope="module")
def on_one_cpu():
    import tensorflow as tf

    return tf.distribute.OneDeviceStrategy("/cpu:0")


def test_one_device_for_each_worker_is_right(on_one_cpu):
    require_own_device(on_one_cpu, world_size=1, on_gpu=False)


def test_gpu_that_tensorflow_does_not_see_is_an_error(on_one_cpu):
    with pytest.raises(FirelibError) as caught:
        require_own_device(on_one_cpu, world_size=1, on_gpu=True)
    assert "GPU" in caught.value.what
    assert "extra `gpu`" in caught.value.remedy


def test_other_number_of_devices_is_an_error(on_one_cpu):
    with pytest.raises(FirelibError) as caught:
        require_own_device(on_one_cpu, world_size=2, on_gpu=False)
    assert re.findall(r"\d+", caught.value.what) == ["1", "2"]
    assert "train.workers" in caught.value.remedy


def test_worker_without_a_gpu_takes_none_of_its_host():
    assert worker_environment(1, on_gpu=False)["CUDA_VISIBLE_DEVICES"] == "-1"
    assert "CUDA_VISIBLE_DEVICES" not in worker_environment(1, on_gpu=True)
    assert worker_environment(2.6, on_gpu=False)["TF_NUM_INTRAOP_THREADS"] == "3"
