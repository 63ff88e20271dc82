"""The command `firelib report`, in a project that never ran, and in one whose data were extracted."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firelib.cli import app
from firelib.report.verify.check import ChangedError
from tests.errors import refused
from tests.project import ROOT


def test_report_and_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    with refused(what="has not run", remedy="firelib run"):
        run(app, ["report", "--verify"], catch_exceptions=False)
    done = run(app, ["report"])
    assert done.exit_code == 0, done.output
    assert "missing: Project: the pipeline has not run" in done.stderr
    assert (tmp_path / "build/report/flights/report.html").is_file()

    assert run(app, ["extract"]).exit_code == 0
    done = run(app, ["report", "--output", "out", "--state", "HEAD"])
    assert done.exit_code == 0, done.output
    assert "month=12" in (tmp_path / "out/report.html").read_text()
    assert (tmp_path / ".firelib/stages/flights/extract.json").is_file()
    done = run(app, ["report", "--verify", "--output", "out"])
    assert done.exit_code == 0, done.output
    file = min((tmp_path / "storage/lake/flights/flights").glob("*.parquet"))
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)
    with refused(what=["lake", file.name], remedy="firelib extract", kind=ChangedError):
        run(app, ["report", "--verify", "--output", "out"], catch_exceptions=False)
