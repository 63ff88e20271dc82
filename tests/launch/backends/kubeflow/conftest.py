"""Fixtures of the tests with a cluster: one stand-in of the API server, with a new state for each test."""

import pytest

from firelib.launch.backends.kubeflow import backend as kubeflow_backend
from tests.launch.backends.kubeflow.fake_cluster import FakeCluster, serving
from tests.launch.backends.kubeflow.submitted import point_to


@pytest.fixture(scope="session")
def server():
    """One server for all tests; `cluster` gives each test a new state."""

    class Current:
        def answer(self, *request):
            return self.cluster.answer(*request)

    current = Current()
    with serving(current) as address:
        yield current, address


@pytest.fixture
def cluster(server, tmp_path, monkeypatch):
    current, address = server
    current.cluster = FakeCluster()
    monkeypatch.setattr(kubeflow_backend, "send_code", lambda _: None)  # without a bucket
    point_to(address, tmp_path, monkeypatch)
    return current.cluster
