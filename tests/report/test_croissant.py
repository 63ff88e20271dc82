"""MLCommons' own library reads the croissant.json of a report."""

import json
from pathlib import Path

import pytest

from firelib import storage
from firelib.report.croissant import describe_dataset
from firelib.report.project import ReportedProject
from tests.project import ROOT
from tests.report.finished import OUT

pytestmark = pytest.mark.integration
EVIDENCE = ROOT / "docs" / "evidence" / "croissant.json"


def test_files_have_their_sizes_and_hashes(pristine: ReportedProject) -> None:
    content = json.loads((pristine.folder / OUT / "croissant.json").read_text())
    files = [entry for entry in content["distribution"] if entry["@type"] == "cr:FileObject"]
    assert {entry["name"] for entry in files} == {file.name for file in pristine.paths.tfrecords.iterdir()}
    for entry in files:
        path = (pristine.folder / OUT / entry["contentUrl"]).resolve()
        assert entry["sha256"] == storage.sha256_file(path)
        assert entry["contentSize"] == f"{path.stat().st_size} B"


def test_outside_of_the_project_no_path_is_written(pristine: ReportedProject, tmp_path: Path) -> None:
    assert pristine.manifest
    content = describe_dataset(pristine, pristine.manifest, pristine.paths.tfrecords, tmp_path)
    assert all("/" not in entry["contentUrl"] for entry in content["distribution"] if "contentUrl" in entry)


def test_mlcroissant_accepts_it(pristine: ReportedProject) -> None:
    check(pristine.folder / OUT / "croissant.json", {"train", "validation", "test"})


def test_mlcroissant_accepts_the_committed_evidence() -> None:
    check(EVIDENCE, {"train", "validation", "test"})


def check(file: Path, record_sets: set[str]) -> None:
    import mlcroissant

    dataset = mlcroissant.Dataset(str(file))  # raises for an error
    assert {record_set.name for record_set in dataset.metadata.record_sets} == record_sets
    recommended = {"license", "datePublished", "citeAs"}  # what a project does not tell
    warnings = dataset.metadata.issues.warnings
    assert [text for text in warnings if not any(name in text for name in recommended)] == []
