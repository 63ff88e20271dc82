"""`firelib run` and `dvc repro` on a laptop whose stages run on a Ray cluster."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.dvc_pipeline.test_run import Project


@pytest.mark.integration
def test_the_pipeline_runs_there_and_its_small_results_come_back(head, tmp_path_factory):
    laptop, alone = (tmp_path_factory.mktemp(name) for name in ("laptop", "alone"))
    with ThreadPoolExecutor() as pool:  # beside each other: both wait more than they compute
        here = pool.submit(manifest_without_a_cluster, alone)
        there = Project(laptop, **head.environment())
        done = there.do("firelib", "run")
    assert there.executed(done) == ["extract", "transform", "train", "evaluate"]
    assert (there.folder / "models/signs/model.keras").is_file()
    assert there.json("metrics/signs/test.json")["accuracy"] > 0.5
    assert not list(there.folder.rglob("*.tfrecord"))  # the heavy bytes stay below the storage root
    manifest = there.json("data/signs/tfrecords/manifest.json")
    assert manifest == here.result()
    [stored] = (head.shared / "datasets" / "signs").glob("*.json")
    assert json.loads(stored.read_text()) == manifest
    again = there.do("firelib", "run")
    assert "nothing to do" in again.stderr
    assert there.json("models/signs/lineage.json")["job"].startswith("train-")


def manifest_without_a_cluster(folder):
    """The manifest of the same project's dataset, made by this machine alone."""
    project = Project(folder)
    for stage in ("extract", "transform"):
        project.do("firelib", stage)
    return project.json("data/signs/tfrecords/manifest.json")
