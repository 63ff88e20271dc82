"""The commands of the stages, and what they record."""

import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firelib.cli import app
from firelib.stage_records import recording
from firelib.stage_records.ray_activity import Activity
from firelib.stage_records.store import read_records
from tests.project import ROOT


def test_the_time_of_a_stage_is_measured_without_that_of_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray takes seconds to list its tasks after the stage has ended."""
    read, wait = recording.read_activity, 1.0

    def read_slowly(since: float) -> Activity:
        time.sleep(wait)
        return read(since)

    monkeypatch.setattr(recording, "read_activity", read_slowly)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    started = time.perf_counter()
    done = CliRunner().invoke(app, ["extract"])
    took = time.perf_counter() - started
    assert done.exit_code == 0, done.output
    [run] = read_records(tmp_path, "flights").records
    assert (run.stage, run.measures_rate) == ("extract", True)
    assert run.seconds <= took - wait
