"""The commands that the docs and errors name, run by the real kubectl against the stand-in of the API server."""

import json
import os
import shutil
import subprocess

import pytest

from tests.launch.backends.kubeflow.fake_cluster import FakeCluster, serving, write_kubeconfig
from tests.launch.backends.kubeflow.test_requests import objects
from tests.patience import patience

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
]


@pytest.fixture
def cluster():
    return FakeCluster()


@pytest.fixture
def kubectl(cluster, tmp_path):
    """Run kubectl on the stand-in."""
    with serving(cluster) as address:
        env = {**os.environ, "KUBECONFIG": str(write_kubeconfig(address, tmp_path)), "HOME": str(tmp_path)}

        def run(*words):
            command = ["kubectl", *words]
            return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=patience(60))

        yield run


def create(cluster, resource, plural):
    path = f"/apis/{resource['apiVersion']}/namespaces/default/{plural}"
    code, found = cluster.answer("POST", path, {"fieldValidation": "Strict"}, resource, None)
    assert code == 201, found


def test_kubectl_sees_and_deletes_the_objects(cluster, kubectl):
    runtime, train = objects()
    create(cluster, runtime, "trainingruntimes")
    create(cluster, train, "trainjobs")
    found = kubectl("get", "trainjobs.trainer.kubeflow.org", "train-1", "--output", "json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout)["spec"] == train["spec"]
    assert kubectl("delete", "trainjob", "train-1", "--wait=false").returncode == 0
    assert not cluster.objects("trainjobs")


def test_logs_of_a_pod_with_two_containers_need_a_name(cluster, kubectl):
    cluster.add_pod("head", {"firelib-job": "train-1"}, ["istio-proxy", "node"])
    cluster.logs["head", "node"] = "epoch 1\n"
    assert kubectl("logs", "head", "--container", "node").stdout == "epoch 1\n"
    found = kubectl("get", "pods", "--output", "name", "--selector", "firelib-job=train-1")
    assert found.stdout == "pod/head\n"
