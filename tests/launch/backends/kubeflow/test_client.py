"""How the client finds its cluster."""

import pytest
from kubernetes.config import incluster_config, kube_config

from firelib.launch.backends.kubeflow.client import ClusterClient
from tests.errors import refused


@pytest.fixture
def pod(tmp_path, monkeypatch):
    """A pod without kubectl's configuration: Kubernetes tells it the server, and gives it an account."""
    for name, attribute in (("token", "SERVICE_TOKEN_FILENAME"), ("ca.crt", "SERVICE_CERT_FILENAME")):
        (tmp_path / name).write_text("of the pod")
        monkeypatch.setattr(incluster_config, attribute, str(tmp_path / name))
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")


@pytest.mark.usefixtures("pod")
def test_a_pod_uses_its_own_account():
    settings = ClusterClient("lab")._connection().configuration
    assert settings.host == "https://192.0.2.1:6443"
    assert settings.get_api_key_with_prefix("authorization") == "bearer of the pod"


@pytest.mark.usefixtures("pod")
def test_a_named_context_must_exist_in_a_pod_too():
    with refused(where="kubectl's configuration", remedy="get-contexts"):
        ClusterClient("lab", context="mine").get("/version")


@pytest.mark.usefixtures("pod")
def test_without_any_configuration_the_error_says_so(monkeypatch):
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    with refused(where="kubectl's configuration"):
        ClusterClient("lab").get("/version")
