"""A fake Vertex AI for the tests of jobs."""

import pytest
import stamina

from firelib.launch.backends.vertex import backend as vertex_backend
from firelib.launch.backends.vertex.backend import VertexBackend
from firelib.launch.backends.vertex.logs import job_log
from firelib.launch.backends.vertex.logs.request_budget import RequestBudget
from tests.launch.fake_jobs import fake_jobs


@pytest.fixture
def no_pause():
    """Retry without waiting, as often as usual."""
    with stamina.set_testing(True, attempts=6, cap=True):
        yield


@pytest.fixture
def service(monkeypatch, no_pause):
    """The fake service. It has no bucket and no registry; test_preflight.py and test_same_job.py use some."""
    monkeypatch.setattr(vertex_backend, "find_preflight_problems", lambda _: [])
    monkeypatch.setattr(vertex_backend, "send_code", lambda _: None)
    monkeypatch.setattr(VertexBackend, "log_delay_seconds", 0.0)
    monkeypatch.setattr(VertexBackend, "poll_seconds", 0.01)
    monkeypatch.setattr(job_log, "RequestBudget", lambda: RequestBudget(sleep=lambda _: None))
    with fake_jobs() as running:
        yield running
