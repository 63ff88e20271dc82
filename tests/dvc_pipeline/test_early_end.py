"""A mistake in the model ends a real `firelib run`, with DVC, Ray and its stages, before training begins."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from firelib.dvc_pipeline.model_check import has_room
from tests.check.signs import RECIPE, write_project
from tests.patience import patience

pytestmark = pytest.mark.integration

SLOW_SECONDS = 600
# Only in the stage: the checks before and beside the run start no Ray.
SLOW = f"""
    import sys, time

    if "ray" in sys.modules:
        time.sleep({SLOW_SECONDS})
    rows = rows.assign("""


def do(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "FIRELIB_NUM_CPUS": "2", "DVC_NO_ANALYTICS": "true"}
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=patience(400),
        check=False,
    )


@pytest.mark.skipif(not has_room(), reason="the model is checked beside a run where there are two cores and 3 GiB")
def test_a_mistake_in_the_model_ends_a_run_of_hours(tmp_path: Path) -> None:
    write_project(tmp_path)
    recipe = RECIPE.replace("\n    rows = rows.assign(", SLOW).replace("Dense(1", "Dense(3")
    (tmp_path / "recipe.py").write_text(recipe)
    for command in (("dvc", "init", "-q", "--no-scm"), ("firelib", "sync")):
        assert do(tmp_path, *command).returncode == 0
    started = time.monotonic()
    done = do(tmp_path, "firelib", "run")
    assert done.returncode == 1, done.stderr
    assert time.monotonic() - started < SLOW_SECONDS
    line = recipe[: recipe.index("Dense(3")].count("\n") + 1
    assert f"error: recipe.py:{line}: " in done.stderr
    assert "the check found 1 error" in done.stderr
    assert "the run ends before training" in done.stderr
    assert [text for text in done.stdout.splitlines() if text.startswith("Running stage")][-1:] == [
        "Running stage 'transform':"
    ]
    assert (tmp_path / "data/signs/lake.json").is_file()
    assert [process for process in psutil.process_iter() if is_below(process, tmp_path)] == []


def is_below(process: psutil.Process, folder: Path) -> bool:
    """Whether a process works in a folder."""
    try:
        return Path(process.cwd()).is_relative_to(folder)
    except psutil.Error:
        return False
