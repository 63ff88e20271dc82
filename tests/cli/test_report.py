"""The command `firelib report`, in a project that never ran, and in one whose data were extracted."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from firelib.cli import app
from firelib.report.verify.check import ChangedError
from firelib.stage_records.store import read_records
from tests.errors import refused
from tests.project import ROOT


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in a copy of this project without data."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(app, words, catch_exceptions=False)


def test_a_project_that_never_ran(run: Callable[..., Result], tmp_path: Path) -> None:
    with refused(what="has not run", remedy="firelib run"):
        run("report", "--verify")
    done = run("report")
    assert done.exit_code == 0, done.output
    assert "missing: Project: the pipeline has not run" in done.stderr
    assert (tmp_path / "build/report/flights/report.html").is_file()


@pytest.mark.integration
def test_data_of_flights(run: Callable[..., Result], tmp_path: Path) -> None:
    assert run("extract").exit_code == 0
    assert run("report", "--output", "out", "--state", "HEAD").exit_code == 0
    assert "month=12" in (tmp_path / "out/report.html").read_text()
    assert [record.stage for record in read_records(tmp_path, "flights").records] == ["extract"]
    assert run("report", "--verify", "--output", "out").exit_code == 0
    file = min((tmp_path / "storage/lake/flights/flights").glob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with refused(what=["lake", file.name], remedy="firelib extract", kind=ChangedError):
        run("report", "--verify", "--output", "out")
