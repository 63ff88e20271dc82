from pathlib import Path

import pytest
import yaml

from firelib.config import Environment, load_environment, load_params
from tests.config.raw_params import raw_params
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


@pytest.mark.parametrize(
    ("expected", "given", "device"),
    [("2", "auto", "gpu"), ("", "auto", "auto"), ("0", "auto", "auto"), ("2", "cpu", "cpu")],
)
def test_a_job_with_gpus_never_trains_on_the_cpu_unasked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, expected: str, given: str, device: str
) -> None:
    monkeypatch.setenv("FIRELIB_EXPECTED_GPUS", expected)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw_params(train__device=given)))
    assert load_params(tmp_path / "params.yaml").train.device == device
