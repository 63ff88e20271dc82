"""`firelib submit -- firelib run` in containers: each stage in its component's image, the same data and weights."""

import json

import numpy as np
import pytest

from firelib.launch.job_record import read_records
from tests.dvc_pipeline.test_run import Project
from tests.launch.flights_project import weights

pytestmark = pytest.mark.containers

IMAGES = {"extract": "extract", "transform": "transform", "train": "trainer", "evaluate": "evaluate"}


def test_a_run_in_containers_is_the_same_as_here(images, tmp_path_factory):
    variables = {"FIRELIB_TRACKING": "none", "FIRELIB_NUM_CPUS": "3", "DOCKER_HOST": images.socket}
    here, there = (Project(tmp_path_factory.mktemp(name), **variables) for name in ("here", "there"))
    here.do("firelib", "run")
    there.do("firelib", "submit", "--to", "docker", "--", "firelib", "run")
    assert shards(there) == shards(here)
    np.testing.assert_allclose(weights(there.folder, "signs"), weights(here.folder, "signs"), rtol=0, atol=1e-5)
    run, *stages = read_records(there.folder)
    assert run.environment == "docker"
    assert [record.spec.stage for record in stages] == list(IMAGES)
    assert images.docker("ps", "--all", "--quiet", "--filter", "label=firelib.job") == ""
    for record, component in zip(stages, IMAGES.values(), strict=True):
        request = json.loads(
            there.do("firelib", "submit", "--to", "docker", "--dry-run", "--", *record.spec.command).stdout
        )
        assert request["containers"][0]["image"] == f"firelib-{component}"


def shards(project):
    """Name → hash of each shard."""
    splits = project.json("data/signs/tfrecords/manifest.json")["splits"].values()
    return {shard["name"]: shard["xxh128"] for split in splits for shard in split["shards"]}


def test_an_image_without_cuda_is_refused_for_gpus(images, tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"), DOCKER_HOST=images.socket)
    images.docker("tag", "firelib-trainer", "firelib-trainer-gpu")
    try:
        done = project.do("firelib", "submit", "--to", "docker", "--gpu", "l4", "--", "firelib", "run", check=False)
    finally:
        images.docker("rmi", "firelib-trainer-gpu")
    assert done.returncode == 1
    assert "CUDA" in done.stderr
    assert read_records(project.folder) == []
