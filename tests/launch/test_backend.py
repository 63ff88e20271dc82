"""Backends are found by name, and refuse all that is wrong at once."""

import pytest

from firelib.errors import FirelibError
from firelib.launch.backend import BACKENDS, JobStatus, backend


def test_unknown_backend_names_the_nearest():
    with pytest.raises(FirelibError) as caught:
        backend("kubflow")
    assert "'kubflow'" in caught.value.what
    assert caught.value.where == "--to"
    assert "'kubeflow'" in caught.value.remedy


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(BACKENDS, "vertex", "surely_not_installed.vertex")
    with pytest.raises(FirelibError) as caught:
        backend("vertex")
    assert "surely_not_installed" in caught.value.what
    assert "uv sync --extra vertex" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (JobStatus("succeeded", 0), 0),
        (JobStatus("succeeded"), 0),
        (JobStatus("failed", 75), 75),
        (JobStatus("failed"), 1),
        (JobStatus("cancelled"), 1),
    ],
)
def test_exit_code_of_a_job(status, code):
    assert status.is_over
    assert status.code == code


@pytest.mark.parametrize("state", ["queued", "running"])
def test_some_states_are_not_the_last(state):
    assert not JobStatus(state).is_over
