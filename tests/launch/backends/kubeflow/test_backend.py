"""Jobs on a fake Kubernetes API server on loopback, which stores objects and starts no pods."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from firelib.launch.backend import LostConnectionError
from firelib.launch.backends.kubeflow import backend as kubeflow_backend
from firelib.launch.backends.kubeflow.backend import KubeflowBackend
from firelib.launch.client.submit_and_wait import send
from firelib.launch.job_spec import Replicas
from tests.errors import refused
from tests.launch.backends.kubeflow.test_requests import cluster_job

KUBEFLOW = KubeflowBackend()
NAME = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/default"


class Cluster:
    """Path → object; writes to the paths in `refused` are forbidden."""

    def __init__(self):
        self.kept, self.refused = {}, set()

    def answer(self, method, path, body):
        if method == "POST":
            if path in self.refused:
                return 403, {}
            self.kept[f"{path}/{body['metadata']['name']}"] = body
            return 201, body
        if path.startswith("/api/v1/") and path.endswith("/pods"):
            return 200, {"items": [{"metadata": {"name": "head"}, "status": {"phase": "Running"}}]}
        if path.endswith("/pods/head/log"):
            return 200, "epoch 1\nepoch 2\n"
        if path not in self.kept:
            return 404, {}
        return 200, (self.kept.pop(path) if method == "DELETE" else self.kept[path])


@contextmanager
def serving(cluster):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            code, found = cluster.answer(self.command, path, json.loads(body) if body else None)
            data = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = reply  # noqa: N815  the server's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def point_to(address, tmp_path, monkeypatch):
    """kubectl's configuration."""
    from kubernetes.config import kube_config

    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": address}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
    }
    (tmp_path / "kube.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kube.yaml"))


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.setattr(kubeflow_backend, "send_code", lambda _: None)  # without a bucket
    running = Cluster()
    with serving(running) as address:
        point_to(address, tmp_path, monkeypatch)
        yield running


def test_a_job_is_created_observed_and_deleted(cluster, tmp_path):
    record = send("kubeflow", cluster_job(project=str(tmp_path), replicas=Replicas(2)))
    assert sorted(cluster.kept) == [f"{NAME}/trainingruntimes/train-1", f"{NAME}/trainjobs/train-1"]
    assert KUBEFLOW.status(record).state == "queued"
    cluster.kept[f"{NAME}/trainjobs/train-1"]["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    assert KUBEFLOW.status(record).state == "succeeded"
    assert "".join(KUBEFLOW.logs(record, False)) == "epoch 1\nepoch 2\n"
    KUBEFLOW.cancel(record)
    assert cluster.kept == {}
    assert KUBEFLOW.status(record).state == "cancelled"
    KUBEFLOW.cancel(record)  # once more is no error


def test_status_builds_no_request(cluster, tmp_path, monkeypatch):
    """A job is found by its handle even if this version would no longer accept its settings."""
    record = send("kubeflow", cluster_job(project=str(tmp_path)))
    monkeypatch.setattr(KubeflowBackend, "request", None)
    assert KUBEFLOW.status(record).state == "queued"
    KUBEFLOW.cancel(record)
    assert cluster.kept == {}


def test_a_refused_object_deletes_the_others(cluster, tmp_path):
    cluster.refused.add(f"{NAME}/trainjobs")
    with refused(what="403", remedy="kubectl auth can-i"):
        send("kubeflow", cluster_job(project=str(tmp_path)))
    assert cluster.kept == {}


def test_an_unknown_context_is_named(cluster, tmp_path):
    with refused(what="other", remedy="kubectl config get-contexts"):
        send("kubeflow", cluster_job(project=str(tmp_path), target={"context": "other"}))


def test_a_cluster_that_does_not_answer(cluster, tmp_path, monkeypatch):
    record = send("kubeflow", cluster_job(project=str(tmp_path)))
    point_to("http://127.0.0.1:9", tmp_path, monkeypatch)
    with refused(remedy="kubectl", kind=LostConnectionError):
        KUBEFLOW.status(record)
