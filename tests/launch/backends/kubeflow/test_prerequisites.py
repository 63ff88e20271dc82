"""`firelib doctor --to kubernetes` and `--to kubeflow` against an API server on loopback with fixed answers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import yaml

from firelib.doctor.finding import Finding
from firelib.launch.backends.kubeflow.prerequisites import check_kuberay, check_trainer
from tests.doctor.findings import only
from tests.http_server import http_server
from tests.project import ROOT

BUCKET = {"FIRELIB_STORAGE_ROOT": "gs://bucket/firelib"}
RAY = {"resources": [{"name": "rayjobs"}, {"name": "rayclusters"}]}
TRAINER = {"resources": [{"name": "trainjobs"}, {"name": "trainingruntimes"}]}


@dataclass
class ApiServer:
    """The answers.

    Attributes:
        found: Path → body.
        denied: Verbs with resources that reviews of rights deny.
        status: The answer to everything, if set.
    """

    found: dict[str, Any] = field(
        default_factory=lambda: {
            "/version": {"gitVersion": "v1.31.2"},
            "/apis/ray.io/v1": RAY,
            "/apis/trainer.kubeflow.org/v1alpha1": TRAINER,
            "/api/v1/namespaces/lab": {"metadata": {"name": "lab"}},
        }
    )
    denied: set[str] = field(default_factory=set)
    status: int = 0

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        if self.status:
            return self.status, {}
        if path.endswith("/selfsubjectaccessreviews"):
            wanted = body["spec"]["resourceAttributes"]
            name = f"{wanted['verb']} {wanted['resource']}"
            return 201, body | {"status": {"allowed": name not in self.denied}}
        return (200, self.found[path]) if path in self.found else (404, {})


@contextmanager
def serving(server: ApiServer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            code, found = server.answer(self.path.partition("?")[0], json.loads(body) if body else None)
            data = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = reply  # noqa: N815  the server's names

    with http_server(Handler) as address:
        yield f"http://{address}"


def point_to(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    (folder / "kube.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(folder / "kube.yaml"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    answers = ApiServer()
    with serving(answers) as address:
        point_to(address, tmp_path, monkeypatch)
        yield answers


def problems(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings if finding.status != "ok"}


@pytest.mark.parametrize("check", [check_kuberay, check_trainer])
@pytest.mark.usefixtures("server")
def test_a_cluster_that_is_ready(check: Any, tmp_path: Path) -> None:
    findings = check({"namespace": "lab"}, tmp_path, BUCKET)
    assert problems(findings) == {}
    assert "v1.31.2" in only(findings, "cluster").detail


def test_all_that_is_missing_is_named_at_once(server: ApiServer, tmp_path: Path) -> None:
    del server.found["/apis/trainer.kubeflow.org/v1alpha1"]
    server.denied = {"create trainjobs", "get pods"}
    found = problems(check_trainer({"namespace": "other"}, tmp_path, {}))
    assert set(found) == {"storage", "objects", "namespace", "your rights"}
    assert "trainjobs.trainer.kubeflow.org/v1alpha1" in found["objects"].detail
    assert "Trainer" in str(found["objects"].remedy)
    assert "other does not exist" in found["namespace"].detail
    assert "create trainjobs" in found["your rights"].detail
    assert "get pods/log" in found["your rights"].detail
    assert "kubectl auth can-i create trainjobs" in str(found["your rights"].remedy)


def test_an_expired_login_is_named_by_every_check(server: ApiServer, tmp_path: Path) -> None:
    server.status = 401
    found = problems(check_kuberay({"namespace": "lab"}, tmp_path, BUCKET))
    assert set(found) == {"cluster", "objects", "namespace", "your rights"}
    assert all("401" in finding.detail for finding in found.values())


def test_no_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes.config import kube_config

    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "missing.yaml"))
    finding = only(check_kuberay({}, tmp_path, BUCKET), "cluster")
    assert finding.status == "error"
    assert "kubectl config get-contexts" in str(finding.remedy)


@pytest.mark.usefixtures("server")
def test_the_parameters_may_name_the_bucket(tmp_path: Path) -> None:
    assert only(check_kuberay({"namespace": "lab"}, tmp_path, {}), "storage").status == "error"
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["storage"]["root"] = "s3://lab/firelib"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    assert only(check_kuberay({"namespace": "lab"}, tmp_path, {}), "storage").detail == "s3://lab/firelib"


def test_wrong_settings_are_named_before_anything_is_asked(tmp_path: Path) -> None:
    found = problems(check_kuberay({"namespace": "My Lab", "nodes": "3"}, tmp_path, BUCKET))
    assert "settings" in found
