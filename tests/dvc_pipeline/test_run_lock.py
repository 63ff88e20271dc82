import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from firelib.dvc_pipeline.run_lock import forget_dead_owners, lock_pipeline
from tests.errors import refused
from tests.patience import patience
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
    """DVC counts zombies, and any process with the id of a killed one."""
    (tmp_path / "dvc_script.py").write_text("input()")
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    while psutil.Process(zombie.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    dvc = subprocess.Popen([sys.executable, str(tmp_path / "dvc_script.py")], stdin=subprocess.PIPE)
    other = subprocess.Popen(["sleep", "300"])
    owners = [{"pid": process.pid, "cmd": "dvc repro"} for process in (zombie, dvc, other)]
    alive = owners[1]
    lock = {"write": {f"/w{i}": owner for i, owner in enumerate(owners)}, "read": {"/r": owners, "/s": owners[:1]}}
    (tmp_path / "rwlock").write_text(json.dumps(lock))
    try:
        forget_dead_owners(tmp_path)
    finally:
        for process in (dvc, other):
            process.kill()
        for process in (zombie, dvc, other):
            process.wait()
    assert json.loads((tmp_path / "rwlock").read_text()) == {"write": {"/w1": alive}, "read": {"/r": [alive]}}


def test_no_lock_of_dvc_is_created(tmp_path: Path) -> None:
    forget_dead_owners(tmp_path)
    assert list(tmp_path.iterdir()) == []
