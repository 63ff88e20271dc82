"""Whether an image has CUDA. test_guard.py runs the probe with the real TensorFlow."""

import pytest

from firelib.launch.runtime.gpus import probe

CUDA_999 = {"is_cuda_build": True, "cuda_version": "999.5.1"}  # no machine has its libraries


def no_package(name):
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize(
    ("build", "find_spec", "expected"),
    [
        ({}, lambda _: object(), False),  # TensorFlow could not be imported
        ({"is_cuda_build": False}, lambda _: object(), False),
        (CUDA_999, lambda _: object(), True),
        (CUDA_999, lambda _: None, False),  # libraries of another version do not count
        (CUDA_999, no_package, False),
        ({"is_cuda_build": True}, no_package, False),
    ],
)
def test_cuda_of_tensorflows_own_version_counts(build, find_spec, expected, monkeypatch):
    monkeypatch.setattr(probe, "find_spec", find_spec)
    assert probe.has_cuda(build) == expected
