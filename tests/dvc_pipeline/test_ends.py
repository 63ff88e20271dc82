"""Ends of a real `firelib run`, with a Ray of its own: SIGKILL, and SIGTERM for the whole process group."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.dvc_pipeline.processes import descendants, process_groups, wait_for_end
from tests.dvc_pipeline.test_run import PARAMS, Project
from tests.patience import patience, wait_until

pytestmark = pytest.mark.integration

LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    (tmp_path / "params.yaml").write_text(
        PARAMS.replace("epochs: 2", "epochs: 500").replace("workers: 2", "workers: 1")
    )
    return project


@pytest.fixture
def start(project: Project) -> Iterator[Start]:
    """Start `firelib run` in a process group of its own; return when its output contains a text."""
    log = project.folder / "storage" / "log"
    log.parent.mkdir()

    env = {**os.environ, "FIRELIB_TRACKING": "wandb", "FIRELIB_NUM_CPUS": "2", "NO_COLOR": "1"}
    command = [str(Path(sys.executable).parent / "firelib"), "run"]
    with process_groups() as start:

        def run(text: str) -> "subprocess.Popen[str]":
            with log.open("w") as file:
                started = start(command, cwd=project.folder, env=env, stdout=file, stderr=file)
            wait_until(lambda: text in log.read_text() or started.poll() is not None, 240, text)
            assert started.poll() is None, log.read_text()
            return started

        yield run


def test_killed_run_leaves_nothing_and_sigterm_for_the_group_saves_a_checkpoint(project: Project, start: Start) -> None:
    run = start("> firelib transform")
    left = descendants(run)
    names = {process.name() for process in left}
    assert {"gcs_server", "raylet"} <= names
    run.kill()
    run.wait()
    wait_for_end(left)

    run = start("train: ")
    wait_until(lambda: "/500 " in read_log(project) or ", ETA" in read_log(project), 120, "training steps")
    left = descendants(run)
    assert_only_tensorflow_is_reachable([psutil.Process(run.pid), *left])
    os.killpg(run.pid, signal.SIGTERM)
    assert run.wait(patience(90)) == 75, read_log(project)
    log = read_log(project)
    assert "saving a checkpoint" in log
    assert "Traceback" not in log
    assert list((project.folder / "storage" / "runs").glob("*/checkpoint*")), log
    wait_for_end(left)


def assert_only_tensorflow_is_reachable(processes: list[psutil.Process]) -> None:
    """Every listener of Ray is on loopback. Others belong to TensorFlow, one to a training worker (SECURITY.md)."""
    seen: dict[str, int] = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess, OSError):  # short-lived ones
            listening = [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
            elsewhere = [address for address in listening if address.ip not in LOOPBACK]
            name = " ".join(process.cmdline())[:80] or process.name()
            assert len(elsewhere) <= ("tensorflow" in read_maps(process)), f"{name}: {elsewhere}"
            seen[process.name()] = seen.get(process.name(), 0) + len(listening)
    assert seen["gcs_server"] >= 1
    assert seen["raylet"] >= 1


def read_maps(process: psutil.Process) -> str:
    return Path(f"/proc/{process.pid}/maps").read_text()


def read_log(project: Project) -> str:
    return (project.folder / "storage" / "log").read_text()
