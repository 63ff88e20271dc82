"""Real platforms are left out with the reason where nothing leads there."""

from pathlib import Path

import pytest

from benchmarks.jobs import clouds
from benchmarks.jobs.environment import Environment
from benchmarks.jobs.lab import is_installed

VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_REGION", "FIRELIB_STORAGE_ROOT", "FIRELIB_RAY_ADDRESS", "KUBECONFIG")


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Environment]:
    """The environments, on a machine where no variable leads anywhere and nothing has been pushed."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(clouds, "_DIGESTS", tmp_path / "digests.json")
    return {each.name: each for each in clouds.clouds()}


def test_each_says_what_it_needs(real: dict[str, Environment]) -> None:
    reasons = {name: environment.find_obstacle() or "" for name, environment in real.items()}
    assert reasons["vertex, real"].startswith(("not set: GOOGLE_CLOUD_PROJECT", "google.cloud.aiplatform is not"))
    assert "FIRELIB_STORAGE_ROOT" in reasons["kubeflow, real"] or "not installed" in reasons["kubeflow, real"]
    assert reasons["ray, real"] == "not set: FIRELIB_RAY_ADDRESS, FIRELIB_STORAGE_ROOT"
    assert reasons["slurm, real"].startswith("sbatch is not on PATH")


@pytest.mark.skipif(not is_installed("kubernetes"), reason="the client of Kubernetes is missing: make kubernetes")
def test_a_cluster_of_kubernetes_needs_an_image_and_its_configuration(
    real: dict[str, Environment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FIRELIB_STORAGE_ROOT", "gs://lab/firelib")
    find = real["kubeflow, real"].find_obstacle
    assert find() == "no image has been pushed: make images push"
    (tmp_path / "digests.json").write_text("{}")
    assert find() == f"{tmp_path}/.kube/config does not exist"
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "digests.json"))
    assert find() is None


def test_only_machines_with_a_known_price_cost_anything(
    real: dict[str, Environment], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRELIB_MACHINE", raising=False)
    one, three = (real["vertex, real"].find_price(count) for count in (1, 3))
    assert one
    assert three
    assert three.hourly == pytest.approx(3 * one.hourly, abs=0.01)
    assert real["slurm, real"].find_price(1) is None
