"""Verification finds one changed bit in each kind of file, all of them at once, and nothing where nothing changed."""

import json
import pickle
import shutil
from pathlib import Path

import pytest

from firelib.report.project import ReportedProject
from firelib.report.verify.check import MISSING, ChangedError
from firelib.report.verify.verify import verify
from tests.errors import refused
from tests.report.finished import OUT, RUN, STEPS, again, fresh_project


def flip(file: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def changed(project: ReportedProject) -> dict[str, set[str]]:
    """Kind of a comparison that fails → files."""
    with pytest.raises(ChangedError) as caught:
        verify(again(project), project.folder / OUT)
    found: dict[str, set[str]] = {}
    for check in caught.value.changed:
        assert check.expected != check.found
        assert check.remedy
        found.setdefault(check.kind, set()).add(check.where)
    return found


def test_an_unchanged_project_holds(project: ReportedProject) -> None:
    kinds = {check.kind for check in verify(project, project.folder / OUT)}
    assert kinds >= {
        "lake",
        "table",
        "shard",
        "manifest",
        "model",
        "checkpoint",
        "metrics",
        "plots",
        "data",
        "evidence",
    }


def find_file(project: ReportedProject, kind: str) -> Path:
    paths = project.paths
    return {
        "lake": lambda: min(Path(paths.lake, "orders").glob("*.parquet")),
        "shard": lambda: min(paths.tfrecords.glob("*.tfrecord")),
        "model": lambda: paths.model / "timing.json",
        "metrics": lambda: paths.test_metrics,
        "plots": lambda: paths.plots / "training.csv",
        "input": lambda: project.folder / "orders.csv",
        "checkpoint": lambda: Path(paths.runs, RUN, f"step-{STEPS:010d}", "state.npz"),
        "evidence": lambda: project.folder / OUT / "report.html",
    }[kind]()


@pytest.mark.parametrize("kind", ["lake", "shard", "model", "metrics", "plots", "input", "checkpoint", "evidence"])
def test_one_bit_is_found(project: ReportedProject, kind: str) -> None:
    file = find_file(project, kind)
    flip(file)
    found = changed(project)
    assert kind in found
    names = {Path(where).name for where in found[kind]}
    assert names & {file.name, file.parent.name}


def test_one_bit_in_the_manifest_is_found(project: ReportedProject) -> None:
    text = project.paths.manifest.read_text()
    project.paths.manifest.write_text(text.replace('"read": 110', '"read": 111'))
    assert {"manifest", "data"} <= set(changed(project))


def test_a_damaged_manifest_is_named_beside_everything_else(project: ReportedProject) -> None:
    project.paths.manifest.write_text("{")
    flip(project.paths.test_metrics)
    assert {"unreadable", "data", "metrics"} <= set(changed(project))


def test_a_changed_pin_of_the_lake_is_found(project: ReportedProject) -> None:
    lake = json.loads(project.paths.lake_json.read_text())
    lake["tables"]["orders"]["commits"][1]["sha256"] = "0" * 64
    project.paths.lake_json.write_text(json.dumps(lake))
    assert {"table", "data"} <= set(changed(project))


def test_everything_is_named_at_once(project: ReportedProject) -> None:
    for kind in ("lake", "shard", "metrics", "evidence"):
        flip(find_file(project, kind))
    assert {"lake", "shard", "metrics", "evidence"} <= set(changed(project))


def test_a_file_that_is_gone_is_missing(project: ReportedProject) -> None:
    project.paths.test_metrics.unlink()
    with refused(what=["metrics/tiny/test.json", MISSING], remedy="dvc checkout", kind=ChangedError):
        verify(again(project), project.folder / OUT)


def test_a_report_of_an_earlier_run_is_stale(project: ReportedProject) -> None:
    lock = project.folder / "dvc.lock"
    text = lock.read_text()
    digest = next(line.split()[-1] for line in text.splitlines() if "md5:" in line and line.strip() != "hash: md5")
    lock.write_text(text.replace(digest, "f" * 32))
    assert any("data/tiny/lake.json" in where or "orders.csv" in where for where in changed(project)["evidence"])


def test_a_lake_on_another_machine_is_left_out(project: ReportedProject) -> None:
    shutil.rmtree(project.paths.lake)
    assert not {check.kind for check in verify(project, project.folder / OUT)} & {"lake", "table"}


def test_nothing_to_verify(tmp_path: Path) -> None:
    with refused(what="has not run", remedy="firelib run"):
        verify(fresh_project(tmp_path), tmp_path / OUT)


def test_the_error_survives_pickling(project: ReportedProject) -> None:
    flip(project.paths.test_metrics)
    with pytest.raises(ChangedError) as caught:
        verify(project, project.folder / OUT)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.changed, copy.what) == (caught.value.changed, caught.value.what)
