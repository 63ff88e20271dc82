import pytest

from firelib.config import Environment, load_environment
from tests.errors import refused


def test_empty_variables_mean_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKERS", "NUM_CPUS", "TRACKING", "STORAGE_ROOT", "RAY_ADDRESS"):
        monkeypatch.setenv(f"FIRELIB_{name}", "")
    assert load_environment() == Environment(_env_prefix="NOTHING_")  # type: ignore[call-arg]


def test_invalid_variables_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRELIB_WORKERS", "many")
    monkeypatch.setenv("FIRELIB_TRACKING", "mlflow")
    with refused(what=[("FIRELIB_WORKERS", "many"), ("FIRELIB_TRACKING", "mlflow")], where="environment"):
        load_environment()
