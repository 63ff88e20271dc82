"""The commands of the stages, and what they record."""

import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firelib.cli import app
from firelib.measurements.store import read_runs
from firelib.project_layout import Paths
from firelib.report.stage_records import record
from firelib.report.stage_records.ray_activity import Activity
from tests.project import ROOT


def test_the_time_of_a_stage_is_measured_without_that_of_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray takes seconds to list its tasks after the stage has ended."""
    read, wait = record.read_activity, 1.0

    def read_slowly(since: float) -> Activity:
        time.sleep(wait)
        return read(since)

    monkeypatch.setattr(record, "read_activity", read_slowly)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["extract"])
    assert done.exit_code == 0, done.output
    [run] = read_runs(tmp_path, "flights")
    [recorded] = record.read_records(Paths("flights", str(tmp_path / "storage"), tmp_path))
    assert recorded.stage == run.stage == "extract"
    assert run.seconds < recorded.seconds + wait / 2
