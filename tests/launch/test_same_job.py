"""The same training on every backend: equal weights with equally many workers, else equal losses."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from kfp import components, local

from firelib.launch.backends.kubeflow.kfp.pipeline import PipelineSpec, compile_pipeline
from firelib.launch.transfer.code_transfer import send_code
from firelib.launch.transfer.output_archive import download_outputs
from tests.launch.container_bucket import bucket
from tests.launch.drill import PLANTED
from tests.launch.fake_pools import fake_pools
from tests.launch.flights_project import copy_project, lineage, losses, run_firelib, shape, weights, write_flights
from tests.launch.jobs import job
from tests.launch.kfp_runner import docker_runner

pytestmark = pytest.mark.containers

SUBNET, GATEWAY = "172.29.91.0/24", "172.29.91.1"


def assert_same_training(project: Path, reference: Path) -> None:
    np.testing.assert_allclose(weights(project), weights(reference), rtol=0, atol=1e-5)
    assert losses(project) == pytest.approx(losses(reference), rel=1e-5)
    assert shape(lineage(project)) == shape(lineage(reference))


def test_local_process(composed, tmp_path):
    project = copy_project(composed, tmp_path)
    run_firelib(project, "submit", "--to", "local", "--env", "FIRELIB_NUM_CPUS=3")
    assert_same_training(project, composed)


def test_vertex_with_containers_and_a_bucket(images, pushed, composed, tmp_path):
    project, image = copy_project(composed, tmp_path), pushed[1]["trainer"]
    with (
        images.network("firelib-pools", SUBNET) as network,
        bucket(GATEWAY) as (root, variables),
        fake_pools(network, variables) as service,
    ):
        target = [f"--set={name}" for name in ("project=my-lab", "region=us-central1", f"endpoint={service.url}")]
        arguments = ["--image", image, "--machine", "n1-standard-8", "--replicas", "3", "--cpus", "1", *target]
        output = run_firelib(project, "submit", "--to", "vertex", *arguments, FIRELIB_STORAGE_ROOT=root, **PLANTED)
        assert service.running() == []
    assert "files of the dataset" in output  # uploaded
    assert "all 3 replicas have joined" in output
    assert_same_training(project, composed)
    assert lineage(project)["image"] == image.partition("@")[2]
    sent = json.dumps(list(service.jobs.values())) + output
    assert not any(secret in sent for secret in PLANTED.values())


def test_kubeflow_pipeline_with_the_docker_runner(images, pushed, composed, tmp_path):
    """All four components of the compiled file, with one worker: sums differ in their order only."""
    folder, root, digests = write_flights(tmp_path), tmp_path / "root", pushed[1]
    spec = job(command=("firelib", "extract"), project=str(folder), storage_root=str(root))
    (tmp_path / "pipeline.yaml").write_text(compile_pipeline(PipelineSpec(digests)))
    pipeline = components.load_component_from_file(str(tmp_path / "pipeline.yaml"))
    with images.network("firelib-kfp", SUBNET) as network:
        local.init(docker_runner(network, digests["trainer"]), pipeline_root=str(root), raise_on_error=True)
        pipeline(project=send_code(spec), root=str(root))
    for packed in sorted((root / "pipelines").glob("*.tar.gz"), key=os.path.getmtime):
        download_outputs(str(packed), folder, "evaluate")
    manifests = [(each / "data/flights/tfrecords/manifest.json").read_text() for each in (folder, composed)]
    assert manifests[0] == manifests[1]
    assert losses(folder) == pytest.approx(losses(composed), rel=1e-4)
    assert shape(lineage(folder)) == shape(lineage(composed))
    assert lineage(folder)["image"] == digests["trainer"].partition("@")[2]
    assert (folder / "metrics/flights/test.json").exists()
