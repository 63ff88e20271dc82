"""Jobs that are submitted to the stand-in of a cluster, and what their operators say about them."""

from firelib.launch.client.submit_and_wait import send
from tests.launch.backends.kubeflow.fake_cluster import write_kubeconfig
from tests.launch.backends.kubeflow.test_requests import cluster_job


def point_to(address, tmp_path, monkeypatch, token=None):
    from kubernetes.config import kube_config

    file = write_kubeconfig(address, tmp_path, token)
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(file))


def submit(tmp_path, **fields):
    return send("kubeflow", cluster_job(project=str(tmp_path), **fields))


def set_status(cluster, plural, status):
    cluster.objects(plural)["train-1"]["status"] = status


def ended(kind):
    return {"conditions": [{"type": kind, "status": "True", "message": "jobset ended"}]}
