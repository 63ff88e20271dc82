"""A whole run as a local job, in a project and an environment full of secrets, leaves none of them anywhere."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import psutil
import pytest

from tests.dvc_pipeline.test_run import Project
from tests.launch.transfer.planted import SECRET_FILES, VALUE, VARIABLES, plant
from tests.patience import wait_until
from tests.project import ROOT

#: What firelib, DVC, Ray and W&B write.
WRITTEN = ("models", "metrics", "plots", "data/signs", "wandb", ".firelib", "storage", ".dvc/tmp", "dvc.lock")


def write_planted_project(folder: Path) -> Project:
    folder.mkdir()
    project = Project(folder)
    own = {name: (folder / name).read_text() for name in ("recipe.py", "params.yaml", ".gitignore")}
    plant(folder, folder.parent / "outside", with_git=True)
    for name, text in own.items():
        (folder / name).write_text(text)
    project.do("git", "remote", "add", "origin", f"https://me:{VALUE}@host.invalid/lab.git")
    return project


def start(project: Project, output: TextIO, *words: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "firelib.cli", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **project.environment}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    return subprocess.Popen(command, cwd=project.folder, env=env, stdout=output, stderr=subprocess.STDOUT)


def record_arguments(job: "subprocess.Popen[bytes]") -> set[str]:
    """The arguments of all processes of this machine until the job's command has ended."""
    seen: set[str] = set()

    def has_ended() -> bool:
        for process in psutil.process_iter(["cmdline"]):
            seen.update(process.info["cmdline"] or ())
        return job.poll() is not None

    wait_until(has_ended, 400, "the job ends")
    return seen


def find_leaks(project: Path, value: str) -> Iterator[str]:
    for path in (path for name in WRITTEN for path in [project / name, *(project / name).rglob("*")]):
        if path.is_file() and value.encode() in path.read_bytes():
            yield str(path.relative_to(project))


def submit_and_watch(project: Project, stage: str) -> tuple[str, str, set[str]]:
    """Run a stage as a local job whose environment is full of secrets; return their value, output and arguments."""
    value = f"{VALUE}-{uuid.uuid4().hex}"
    project.environment = {**dict.fromkeys(VARIABLES, value), "WANDB_MODE": "offline", "FIRELIB_TRACKING": "wandb"}
    words = ("submit", "--secret", "MINE=env:DB_PASSWORD", "--", "firelib", stage)
    with (project.folder.parent / "output").open("w+") as file, start(project, file, *words) as job:
        arguments = record_arguments(job)
        file.seek(0)
        output = file.read()
    assert job.returncode == 0, output
    assert any("firelib.launch.backends.local" in argument for argument in arguments)
    return value, output, arguments


@pytest.mark.integration
@pytest.mark.parametrize("stage", ["extract", "run"])
def test_nothing_that_is_planted_is_in_logs_records_or_arguments(tmp_path: Path, stage: str) -> None:
    project = write_planted_project(tmp_path / "project")
    value, output, arguments = submit_and_watch(project, stage)
    assert not [argument for argument in arguments if value in argument]
    assert VALUE not in output
    files = [".firelib/jobs/*/log", ".firelib/jobs/*.json", "data/signs/lake.json"]
    if stage == "run":
        files += ["models/signs/lineage.json", "metrics/signs/test.json", "wandb/**/*.wandb"]
        assert any("raylet" in argument for argument in arguments)
    for pattern in files:
        assert list(project.folder.glob(pattern)), pattern
    assert list(find_leaks(project.folder, VALUE)) == []
    assert all((project.folder / name).is_file() for name in SECRET_FILES)  # none of them is touched
