"""The pipeline that kfp compiles; its components run as the compiled file says, but without containers."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from firelib.errors import FirelibError
from firelib.launch.backends.kubeflow.kfp_pipeline import FLOW, PipelineSpec, compile_pipeline
from firelib.launch.job_spec import Gpu, Resources
from firelib.launch.transfer.code_transfer import send_code
from tests.launch.drill import firelib_here, write_project
from tests.launch.golden_file import FOLDER
from tests.launch.jobs import job
from tests.launch.problems import has_problem
from tests.project import ROOT

IMAGES = {name: f"registry/firelib-{name}@sha256:{'0' * 64}" for name in ("extract", "transform", "trainer")}
SPEC = PipelineSpec(IMAGES, Resources(machine="n1-standard-8", gpu=Gpu("t4")))


@pytest.fixture(scope="module")
def text():
    return compile_pipeline(SPEC)


@pytest.fixture(scope="module")
def compiled(text):
    return next(yaml.safe_load_all(text))


def test_the_pipeline_equals_the_golden_file(text):
    if os.environ.get("GOLDEN") == "write":
        (FOLDER / "pipeline.yaml").write_text(text)
    assert text == (FOLDER / "pipeline.yaml").read_text()


def test_kubeflows_messages_accept_it(compiled):
    message = json_format.ParseDict(compiled, pipeline_spec_pb2.PipelineSpec())
    assert set(message.root.dag.tasks) == set(FLOW)


def test_each_stage_runs_in_its_image_after_the_previous_stage(compiled):
    executors = compiled["deploymentSpec"]["executors"]
    assert {name: each["container"]["image"] for name, each in executors.items()} == {
        f"exec-{stage}": IMAGES[component] for stage, component in FLOW.items()
    }
    tasks = compiled["root"]["dag"]["tasks"]
    stages = list(FLOW)
    assert [tasks[stage].get("dependentTasks", []) for stage in stages] == [[], *([stage] for stage in stages[:-1])]
    assert all(task["cachingOptions"]["enableCache"] for task in tasks.values())
    assert all(task["retryPolicy"]["maxRetryCount"] == 2 for task in tasks.values())


def test_training_gets_its_resources(compiled):
    given = compiled["deploymentSpec"]["executors"]["exec-train"]["container"]["resources"]
    assert given["accelerator"] == {
        "count": "1",
        "resourceCount": "1",
        "resourceType": "NVIDIA_TESLA_T4",
        "type": "NVIDIA_TESLA_T4",
    }
    assert "resources" not in compiled["deploymentSpec"]["executors"]["exec-extract"]["container"]


def test_all_problems_are_reported_at_once():
    spec = PipelineSpec({"extract": "firelib-extract:latest"}, Resources(machine="n1_standard_8"), -1)
    with pytest.raises(FirelibError) as caught:
        compile_pipeline(spec)
    for parts in (
        ("--extract-image",),
        ("--transform-image",),
        ("--trainer-image",),
        ("--retries", "-1"),
        ("resources.machine", "'n1_standard_8'"),
    ):
        assert has_problem(caught.value, *parts)


def test_the_command_writes_the_file(tmp_path, compiled):
    images = [f"--{name}-image={image}" for name, image in IMAGES.items()]
    done = firelib_here(tmp_path, "pipeline", "compile", *images, "--machine", "n1-standard-8", "--gpu", "t4")
    assert done.returncode == 0, done.stderr
    assert next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text())) == compiled


@pytest.mark.integration
def test_components_pass_their_outputs_on(tmp_path, compiled):
    """Extract, then transform, each in an empty folder, with the command line of the compiled file."""
    (tmp_path / "here").mkdir()
    project = write_project(tmp_path / "here")
    spec = job(command=("firelib", "extract"), project=str(project), storage_root=str(tmp_path / "bucket"))
    code = send_code(spec)
    before = "none"
    for stage in ("extract", "transform"):
        given = {"project": code, "before": before, "root": spec.storage_root}
        before = run_component(tmp_path, stage, compiled, given)
    there = tmp_path / "transform"
    manifest = json.loads((there / "data/rows/tfrecords/manifest.json").read_text())
    shards = [shard for split in manifest["splits"].values() for shard in split["shards"]]
    assert sum(shard["rows"] for shard in shards) == 100
    [stored] = (tmp_path / "bucket/datasets").iterdir()  # where the next component finds them, in a folder of its own
    assert {shard["name"] for shard in shards} < {file.name for file in stored.iterdir()}


def run_component(tmp_path, stage, compiled, given):
    """Run one component as a process of this machine; return the URI that it passes on."""
    folder, after = tmp_path / stage, tmp_path / f"after-{stage}"
    folder.mkdir()
    container = compiled["deploymentSpec"]["executors"][f"exec-{stage}"]["container"]
    values = {f"{{{{$.inputs.parameters['{name}']}}}}": value for name, value in given.items()}
    values["{{$.outputs.parameters['after'].output_file}}"] = str(after)
    command = [values.get(argument, argument) for argument in (*container["command"], *container["args"])]
    assert command[0] == "python"
    assert not any("{{" in argument for argument in command)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *command[1:]], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return after.read_text()
