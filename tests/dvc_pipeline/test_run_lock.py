import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from firelib.dvc_pipeline.run_lock import forget_dead_owners, lock_pipeline
from firelib.storage import Owner
from tests.errors import refused
from tests.patience import patience, wait_until
from tests.project import ROOT

HOLD = """
import sys, pathlib
from firelib.dvc_pipeline.run_lock import lock_pipeline
with lock_pipeline(pathlib.Path("dvc.yaml"), pathlib.Path("tmp")):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_second_run_names_the_first_and_a_killed_one_does_not_count(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", HOLD]
    pipeline, folder = tmp_path / "dvc.yaml", tmp_path / "tmp"
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        with refused(what=first.pid, where=pipeline, remedy=f"kill {first.pid}"), lock_pipeline(pipeline, folder):
            pass
        with lock_pipeline(tmp_path / "other" / "dvc.yaml", folder):
            pass
        first.kill()
        first.wait(patience(10))
    with lock_pipeline(pipeline, folder):
        pass


def test_lock_is_free_after_the_block(tmp_path: Path) -> None:
    for _ in range(2):
        with lock_pipeline(tmp_path / "dvc.yaml", tmp_path):
            pass


def test_read_only_project_is_refused() -> None:
    with refused(where="/proc/1/tmp"), lock_pipeline(Path("dvc.yaml"), Path("/proc/1/tmp")):
        pass


def test_dead_owners_are_forgotten(tmp_path: Path) -> None:
    """DVC counts zombies, and any process with the id of a killed one. Notebooks and other tools may own paths, too."""
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    wait_until(lambda: psutil.Process(zombie.pid).status() == psutil.STATUS_ZOMBIE, 20, "the process ends")
    notebook = subprocess.Popen(["sleep", "300"])
    dead, alive = ({"pid": process.pid, "cmd": "dvc repro"} for process in (zombie, notebook))
    file = tmp_path / "rwlock"
    file.write_text(json.dumps({"write": {"/a": dead, "/b": alive}, "read": {"/c": [dead, alive], "/d": [dead]}}))
    try:
        forget_dead_owners(tmp_path)
        assert json.loads(file.read_text()) == {"write": {"/b": alive}, "read": {"/c": [alive]}}
        before = psutil.Process(notebook.pid).create_time() - 60
        os.utime(file, (before, before))  # the entries are older than the process: it has the id of another one
        forget_dead_owners(tmp_path)
        assert json.loads(file.read_text()) == {"write": {}, "read": {}}
    finally:
        notebook.kill()
        for process in (zombie, notebook):
            process.wait()


@pytest.fixture
def without_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here can mount a file system without locks."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)


@pytest.mark.usefixtures("without_locks")
def test_without_locks_a_note_is_printed_and_the_named_process_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = tmp_path / "dvc.yaml"
    with lock_pipeline(pipeline, tmp_path):
        assert f"{tmp_path} has no locks" in capsys.readouterr().err
        with refused(what=os.getpid(), where=pipeline, remedy=f"kill {os.getpid()}"), lock_pipeline(pipeline, tmp_path):
            pass
    (lock,) = tmp_path.glob("*.lock")
    lock.write_text(json.dumps({"pid": 1, "owner": replace(Owner.current(), started=0).token}))
    with lock_pipeline(pipeline, tmp_path):
        pass


def test_no_lock_of_dvc_is_created(tmp_path: Path) -> None:
    forget_dead_owners(tmp_path)
    assert list(tmp_path.iterdir()) == []
