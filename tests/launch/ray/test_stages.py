"""`firelib run` and `dvc repro` on a laptop whose stages run on a Ray cluster."""

import json

import pytest

from tests.test_pipeline import Project


@pytest.mark.integration
def test_the_pipeline_runs_there_and_its_small_results_come_back(head, tmp_path_factory):
    there = Project(tmp_path_factory.mktemp("laptop"), **head.environment())
    done = there.do("firelib", "run")
    assert there.executed(done) == ["extract", "transform", "train", "evaluate"]
    assert (there.folder / "models/signs/model.keras").is_file()
    assert there.json("metrics/signs/test.json")["accuracy"] > 0.5
    assert not list(there.folder.rglob("*.tfrecord"))  # the heavy bytes stay below the storage root
    manifest = there.json("data/signs/tfrecords/manifest.json")
    [stored] = (head.shared / "datasets").iterdir()
    assert json.loads((stored / "manifest.json").read_text()) == manifest
    again = there.do("firelib", "run")
    assert "nothing to do" in again.stderr
    assert there.json("models/signs/lineage.json")["job"].startswith("train-")

    here = Project(tmp_path_factory.mktemp("alone"))
    for stage in ("extract", "transform"):
        here.do("firelib", stage)
    assert here.json("data/signs/tfrecords/manifest.json") == manifest
