"""DVC as a child of `firelib run`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT


def dvc(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("has_remote", [False, True])
def test_dvc_advises_to_push_only_if_there_is_a_remote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_remote: bool
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "dvc.yaml").write_text("stages: {train: {cmd: echo trained}}\n")
    dvc(tmp_path, "-m", "dvc", "init", "-q", "--no-scm")
    if has_remote:
        dvc(tmp_path, "-m", "dvc", "remote", "add", "-q", "-d", "there", str(tmp_path / "remote"))
    said = dvc(tmp_path, "-m", "firelib.dvc_pipeline.dvc_child", str(os.getpid()), "repro")
    assert "Running stage 'train'" in said
    assert ("dvc push" in said) == has_remote


def test_dvc_names_the_files_for_git_and_advises_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "dvc.yaml").write_text("stages: {train: {cmd: echo trained}}\n")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    dvc(tmp_path, "-m", "dvc", "init", "-q")
    said = dvc(tmp_path, "-m", "firelib.dvc_pipeline.dvc_child", str(os.getpid()), "repro")
    assert "git add dvc.lock" in said
    assert "autostage" not in said
