from collections.abc import Callable
from pathlib import Path

import pytest

from firelib.doctor import tools
from firelib.doctor.finding import Finding

Commands = Callable[[str, str], None]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Write programs that come first in an otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return write


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "offline"),
        ({"WANDB_API_KEY": "secret-value"}, "online"),
        ({"WANDB_API_KEY": "secret-value", "WANDB_MODE": "offline"}, "WANDB_MODE=offline"),
        ({"WANDB_API_KEY": "secret-value", "FIRELIB_TRACKING": "none"}, "off"),
    ],
)
def test_wandb(environ: dict[str, str], expected: str) -> None:
    assert expected in tools.check_wandb(environ).detail


def test_running_daemon(commands: Commands) -> None:
    commands("docker", "echo 20.10.24")
    assert tools.check_container_engine() == Finding("container engine", "ok", "docker 20.10.24")


def test_stopped_daemon(commands: Commands) -> None:
    commands("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    finding = tools.check_container_engine()
    assert finding.status == "warning"
    assert finding.detail == "docker: Cannot connect to the Docker daemon"
    commands("podman", "echo 4.3.1")
    assert tools.check_container_engine().detail == "podman 4.3.1"


def test_hanging_daemon(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_TIMEOUT_SECONDS", 0.2)
    commands("docker", "exec /bin/sleep 60")
    assert "0.2 s" in tools.check_container_engine().detail


@pytest.mark.usefixtures("commands")
def test_missing_engine_and_gpu_are_ok() -> None:
    assert tools.check_container_engine().status == "ok"
    assert tools.check_gpu() == Finding("GPU", "ok", "none")


def test_gpus_and_their_driver(commands: Commands) -> None:
    commands("nvidia-smi", "echo 'NVIDIA H200, 143771 MiB, 570.86'; echo 'NVIDIA H200, 143771 MiB, 570.86'")
    assert tools.check_gpu().detail.count("NVIDIA H200") == 2
    commands("nvidia-smi", "echo 'could not communicate with the NVIDIA driver'; exit 9")
    finding = tools.check_gpu()
    assert (finding.status, finding.detail) == ("warning", "could not communicate with the NVIDIA driver")
