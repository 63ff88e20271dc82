"""W&B holds each step once, although a worker was killed: online, and offline after `wandb sync`.

W&B's own client and `wandb sync` run against a stand-in of the server on loopback.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from firelib.train.tracking.wandb_runs import find_files, read_runs
from tests.patience import patience
from tests.project import ROOT
from tests.train.toy import write_toy
from tests.train.tracking.wandb_server import WandbServer, wandb_server

pytestmark = pytest.mark.integration
#: The last step of each attempt; the first two are killed. The first one's steps do not fill a block of 32 KiB.
ATTEMPTS = ((40, "kill"), (2500, "kill"), (2600, "finish"))


def environment(mode: str, server: WandbServer, home: Path) -> dict[str, str]:
    ours = {"WANDB_MODE": mode, "WANDB_BASE_URL": server.address, "WANDB_API_KEY": "0" * 40, "HOME": str(home)}
    return {**os.environ, **ours, "WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true"}


def track(project: Path, mode: str, server: WandbServer) -> None:
    for last, end in ATTEMPTS:
        command = [sys.executable, "-m", "tests.train.tracking.killed_run", str(project), str(last), end]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(mode, server, project),
            capture_output=True,
            check=False,
            text=True,
            timeout=patience(120),
        )
        assert done.returncode == (-9 if end == "kill" else 0), done.stderr


def sync(folder: Path, server: WandbServer, home: Path) -> None:
    command = [str(Path(sys.executable).with_name("wandb")), "sync", str(folder)]
    ours = {**environment("online", server, home), "WANDB_SILENT": "false"}
    done = subprocess.run(command, env=ours, check=True, capture_output=True, text=True, timeout=patience(120))
    assert "Failed to read" not in done.stderr  # its exit code does not tell


def test_online_the_server_holds_each_step_once(tmp_path: Path) -> None:
    write_toy(tmp_path)
    with wandb_server() as server:
        track(tmp_path, "online", server)
    (run,) = server.runs.values()
    assert run.steps == list(range(1, 2601))
    assert server.unknown == set()


def test_offline_the_files_hold_each_step_once_and_sync_shows_them(tmp_path: Path) -> None:
    write_toy(tmp_path)
    with wandb_server() as server:
        track(tmp_path, "offline", server)
        assert server.runs == {}
        (read,) = read_runs(tmp_path)
        assert (read.attempts, read.missing_steps, dict(read.repeated)) == (3, [], {})
        assert sorted(read.history) == list(range(1, 2601))
        first, *_ = files = find_files(tmp_path)
        assert first.with_suffix(".wandb.synced").exists()  # the kill has left it empty
        for file in files:
            sync(file.parent, server, tmp_path)
    (run,) = server.runs.values()
    assert run.steps == list(range(1, 2601))
