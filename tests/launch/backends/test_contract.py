"""The pure part of the contract, for every built-in backend and for the example."""

import pytest

from examples.ssh_backend import SshBackend
from firelib.launch.backends.registry import BUILT_IN, load_backend
from firelib.launch.job_spec import Replicas, Resources
from tests.launch.backends.contract import RequestCase, RequestContract
from tests.launch.jobs import job

IMAGE = f"registry.invalid/lab/firelib-trainer@sha256:{'0' * 64}"
ROOT = "gs://bucket/firelib"
#: Backend → fields of a job that it accepts.
FIELDS = {
    "local": {"secrets": {"A_KEY": "env:A_KEY"}},
    "docker": {"secrets": {"A_KEY": "file:/etc/a"}, "target": {"kill_replica": "0@60s"}},
    "ray": {"target": {"address": "http://head.invalid:8265"}, "secrets": {"A_KEY": "file:/etc/a"}},
    "vertex": {
        "image": IMAGE,
        "storage_root": ROOT,
        "resources": Resources(machine="g2-standard-8"),
        "secrets": {"A_KEY": "gcp:projects/p/secrets/s/versions/1"},
        "target": {"project": "my-lab", "region": "us-central1,europe-west4", "machines": "n1-standard-8+t4:1"},
    },
    "kubeflow": {"image": IMAGE, "storage_root": ROOT, "secrets": {"A_KEY": "k8s:a/b"}},
    "slurm": {
        "replicas": Replicas(count=3, restarts=2),
        "secrets": {"A_KEY": "file:/etc/a"},
        "target": {"partition": "gpu", "options": "--exclusive"},
    },
    "ssh": {
        "image": IMAGE,
        "storage_root": ROOT,
        "target": {"host": "me@box"},
        "secrets": {"A_KEY": "env:A_KEY"},
    },
}


@pytest.fixture(params=FIELDS)
def case(request):
    backend = SshBackend() if request.param == "ssh" else load_backend(request.param)
    return RequestCase(backend, job(**FIELDS[request.param]))


class TestRequests(RequestContract):
    """`RequestContract`, parametrised over backends."""


def test_every_built_in_backend_is_covered():
    assert set(BUILT_IN) < set(FIELDS)
