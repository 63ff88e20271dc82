"""Verification finds one changed bit in each kind of file, all of them at once, and nothing where nothing changed."""

import hashlib
import json
import pickle
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from firelib import storage
from firelib.report.project import ReportedProject
from firelib.report.verify.check import MISSING, ChangedError, Check, hash_stored
from firelib.report.verify.dataset_hashes import check_dataset
from firelib.report.verify.dvc_hashes import md5_file, read_pins
from firelib.report.verify.model_hashes import check_model
from firelib.report.verify.verify import verify
from tests.errors import refused
from tests.report.finished import OUT, RUN, STEPS, again, fresh_project, move_shards


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
    checks = [check for check in verify(project, project.folder / OUT) if check.kind in ("lake", "table")]
    assert {check.where for check in checks} == {"table orders of the lake", "table shops of the lake"}
    assert all(check.left_out for check in checks)


def test_shards_below_the_storage_root_are_compared(project: ReportedProject) -> None:
    folder = move_shards(project)
    assert {check.is_equal for check in shards(project)} == {True}
    file = min(folder.glob("*.tfrecord"))
    flip(file)
    (found,) = [check for check in shards(project) if not check.is_equal]
    assert found.where.endswith(file.name)
    file.unlink()
    assert [check.found for check in shards(project) if not check.is_equal] == [MISSING]


def test_shards_in_a_bucket_are_compared(project: ReportedProject) -> None:
    folder, root = move_shards(project), f"memory://{project.folder.parent.name}"
    storage.upload_folder(folder, f"{root}/datasets/tiny")
    remote = replace(project, paths=replace(project.paths, root=root))
    assert {check.is_equal for check in shards(remote)} == {True}
    name = min(folder.glob("*.tfrecord")).name
    storage.write_bytes(f"{root}/datasets/tiny/{name}", b"other")
    (found,) = [check for check in shards(remote) if not check.is_equal]
    assert found.where == f"{root}/datasets/tiny/{name}"


def test_shards_on_another_machine_are_left_out(project: ReportedProject) -> None:
    shutil.rmtree(move_shards(project))
    (check,) = shards(project)
    assert check.left_out
    assert project.locate(project.paths.manifest) in check.where


def shards(project: ReportedProject) -> list[Check]:
    return [check for check in check_dataset(again(project)) if check.kind == "shard"]


def test_a_hash_in_a_bucket(tmp_path: Path) -> None:
    uri = f"memory://{tmp_path.name}/shard"
    storage.write_bytes(uri, b"rows")
    assert hash_stored(uri, hashlib.sha256()) == hashlib.sha256(b"rows").hexdigest()
    assert hash_stored(f"{uri}2", hashlib.sha256()) == MISSING


def test_a_record_of_another_shape_is_named_beside_everything_else(project: ReportedProject) -> None:
    file = project.paths.model / "lineage.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "data": ["other"]}))
    flip(project.paths.test_metrics)
    assert {"unreadable", "metrics"} <= set(changed(project))


def test_a_model_that_cannot_be_loaded_is_left_out_by_name(project: ReportedProject) -> None:
    file = project.paths.model / "model.keras"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", '{"class_name": "Own"}')
    assert model_file(project).left_out
    content = bytearray(file.read_bytes())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(header) + flags] |= 1  # says that the member is encrypted
    file.write_bytes(content)
    assert "unreadable" in model_file(project).found


def model_file(project: ReportedProject) -> Check:
    (found,) = [check for check in check_model(again(project)) if check.where.endswith("model.keras")]
    return found


def test_a_source_outside_of_the_project_keeps_its_path(project: ReportedProject, tmp_path: Path) -> None:
    outside = tmp_path / "rows.csv"
    outside.write_text("a\n1\n")
    lock = project.folder / "dvc.lock"
    content = yaml.safe_load(lock.read_text())
    sources = [{"path": str(outside), "md5": md5_file(outside)}, {"path": "../beside.csv", "md5": "0" * 32}]
    content["stages"]["extract"]["deps"] += sources
    lock.write_text(yaml.safe_dump(content))
    assert {str(outside), "../beside.csv", "orders.csv"} <= set(dict(read_pins(again(project))))
    flip(outside)
    assert str(outside) in changed(project)["input"]


def test_nothing_to_verify(tmp_path: Path) -> None:
    with refused(what="has not run", remedy="firelib run"):
        verify(fresh_project(tmp_path), tmp_path / OUT)


def test_the_error_survives_pickling(project: ReportedProject) -> None:
    flip(project.paths.test_metrics)
    with pytest.raises(ChangedError) as caught:
        verify(project, project.folder / OUT)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.changed, copy.what) == (caught.value.changed, caught.value.what)
