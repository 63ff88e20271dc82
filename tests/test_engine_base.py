"""The cache that tests with containers share."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.engine_base import cache, lab_folder, sweep
from tests.project import ROOT

LAB = """
from tests.engine_base import lab_folder
with lab_folder() as folder:
    (folder / "hosts").mkdir()
    print(folder, flush=True)
    input()
"""


def test_sweep_removes_what_was_not_used_for_long(tmp_path: Path) -> None:
    used = {"old/read": (0, 8), "old/written": (8, 0), "new/file": (0, 0)}
    unused = ("old/unused", "gone/deep/unused")
    for name, (read, written) in {**used, **dict.fromkeys(unused, (8, 9))}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        now, day = time.time(), 86_400
        os.utime(path, (now - read * day, now - written * day))
    sweep(tmp_path, hours=7 * 24)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        *("new", "new/file", "old", "old/read", "old/written"),
    ]
    sweep(tmp_path / "none", hours=1)


def test_folder_of_a_killed_lab_is_removed_and_that_of_a_running_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TESTS_CACHE", str(tmp_path))
    command, pipes = [sys.executable, "-c", LAB], {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as other:
        assert other.stdout
        theirs = Path(other.stdout.readline().strip())
        with lab_folder() as own:
            assert {theirs, own} == set(cache().glob("lab-*"))
        other.kill()
    assert theirs.exists()
    with lab_folder() as own:
        assert [own] == list(cache().glob("lab-*"))
    assert list(cache().glob("lab-*")) == []
