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
from firelib.launch.backends.kubeflow.kfp.pipeline import FLOW, PipelineSpec, compile_pipeline, complete_images
from firelib.launch.images.image_choice import DIGESTS
from firelib.launch.job_spec import Gpu, Resources
from firelib.launch.transfer.code_transfer import send_code
from tests.launch.drill import firelib_here, write_project
from tests.launch.golden_file import FOLDER
from tests.launch.jobs import job
from tests.launch.problems import has_problem
from tests.project import ROOT

IMAGES = {name: f"registry/firelib-{name}@sha256:{'0' * 64}" for name in ("extract", "transform", "trainer")}
RESOURCES = Resources(machine="n1-standard-8", gpu=Gpu("t4"))
SPEC = PipelineSpec(
    IMAGES,
    RESOURCES,
    env={"WANDB_PROJECT": "delays"},
    secrets={"WANDB_API_KEY": "k8s:wandb/key"},
    target={"image_pull_secrets": "registry", "tolerations": "team=vision:NoSchedule"},
)


@pytest.fixture(scope="module")
def text():
    return compile_pipeline(SPEC)


@pytest.fixture(scope="module")
def compiled(text):
    return next(yaml.safe_load_all(text))


@pytest.fixture(scope="module")
def pods(text):
    """Executor → what Kubernetes adds to its pod."""
    _, platform = yaml.safe_load_all(text)
    return platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


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


def container(pipeline, stage):
    return pipeline["deploymentSpec"]["executors"][f"exec-{stage}"]["container"]


def test_kubeflow_takes_the_accelerator_as_a_resource_name(compiled):
    given = container(compiled, "train")["resources"]
    assert given["accelerator"]["resourceType"] == given["accelerator"]["type"] == "nvidia.com/gpu"
    assert given["accelerator"]["resourceCount"] == "1"
    assert "resources" not in container(compiled, "extract")


def test_vertex_takes_the_accelerator_as_googles_name():
    spec = PipelineSpec(IMAGES, RESOURCES, platform="vertex", secrets={"A_KEY": "gcp:projects/p/secrets/s/versions/1"})
    [compiled] = yaml.safe_load_all(
        compile_pipeline(spec)
    )  # no second document: Vertex AI refuses settings of Kubernetes
    given = container(compiled, "train")["resources"]
    assert given["accelerator"]["resourceType"] == "NVIDIA_TESLA_T4"
    assert (given["resourceCpuLimit"], given["resourceMemoryLimit"]) == ("8", "30720Mi")
    variables = {each["name"]: each["value"] for each in container(compiled, "extract")["env"]}
    assert json.loads(variables["FIRELIB_JOB_SECRETS"]) == {"A_KEY": "gcp:projects/p/secrets/s/versions/1"}


def test_every_stage_gets_its_secrets_and_variables(compiled, pods):
    for stage in FLOW:
        assert {"name": "WANDB_PROJECT", "value": "delays"} in container(compiled, stage)["env"]
        [secret] = pods[f"exec-{stage}"]["secretAsEnv"]
        assert secret["secretName"] == secret["secretNameParameter"]["runtimeValue"]["constant"] == "wandb"
        assert secret["keyToEnv"] == [{"secretKey": "key", "envVar": "WANDB_API_KEY"}]
        assert pods[f"exec-{stage}"]["imagePullSecret"][0]["secretName"] == "registry"


def test_only_training_asks_for_nodes_with_gpus(pods):
    assert pods["exec-train"]["nodeSelector"]["labels"] == {
        "node.kubernetes.io/instance-type": "n1-standard-8",
        "cloud.google.com/gke-accelerator": "nvidia-tesla-t4",
    }
    assert "nodeSelector" not in pods["exec-extract"]
    assert [each["key"] for each in pods["exec-train"]["tolerations"]] == ["nvidia.com/gpu", "team"]
    assert [each["key"] for each in pods["exec-extract"]["tolerations"]] == ["team"]


def test_training_refuses_to_start_without_its_gpus(compiled):
    variables = {stage: {each["name"]: each["value"] for each in container(compiled, stage)["env"]} for stage in FLOW}
    assert variables["train"]["FIRELIB_EXPECTED_GPUS"] == variables["train"]["FIRELIB_WORKERS"] == "1"
    assert not any("FIRELIB_EXPECTED_GPUS" in variables[stage] for stage in FLOW if stage != "train")


def test_the_platform_settings_have_fields_that_kfp_knows(pods):
    known = {"secretAsEnv", "imagePullSecret", "nodeSelector", "tolerations", "emptyDirMounts"}  # of its .proto file
    assert {field for pod in pods.values() for field in pod} == known


def test_without_the_cache_no_stage_is_skipped():
    compiled = next(yaml.safe_load_all(compile_pipeline(PipelineSpec(IMAGES, caching=False))))
    assert not any(task["cachingOptions"].get("enableCache") for task in compiled["root"]["dag"]["tasks"].values())


def test_all_problems_are_reported_at_once():
    spec = PipelineSpec(
        {"extract": "firelib-extract:latest"},
        Resources(machine="n1_standard_8"),
        -1,
        env={"A_TOKEN": "x"},
        secrets={"B_KEY": "env:B_KEY"},
        target={"kind": "RayJob", "tolerations": "a:Never"},
    )
    with pytest.raises(FirelibError) as caught:
        compile_pipeline(spec)
    for parts in (
        ("--extract-image",),
        ("--transform-image",),
        ("--trainer-image",),
        ("--retries", "-1"),
        ("env.A_TOKEN",),
        ("secrets.B_KEY", "k8s"),
        ("target.kind",),
        ("target.tolerations", "'a:Never'"),
    ):
        assert has_problem(caught.value, *parts)


def test_vertex_needs_the_size_of_an_unknown_machine():
    """The catalog is no gate, but a pipeline on Vertex AI states cores and memory, not the machine type."""
    unknown = Resources(machine="n1-standrd-8")
    with pytest.raises(FirelibError) as caught:
        compile_pipeline(PipelineSpec(IMAGES, unknown, platform="vertex"))
    assert has_problem(caught.value, "'n1-standrd-8'", "'n1-standard-8'", "--memory-gib")
    sized = Resources(machine="n9-standard-8", cpus=8, memory_gib=32)
    assert "cpuLimit" in compile_pipeline(PipelineSpec(IMAGES, sized, platform="vertex"))


def test_the_command_writes_the_file(tmp_path, compiled):
    images = [f"--{name}-image={image}" for name, image in IMAGES.items()]
    images += [
        "--env=WANDB_PROJECT=delays",
        "--secret=WANDB_API_KEY=k8s:wandb/key",
        "--set=image_pull_secrets=registry",
    ]
    images += ["--set=tolerations=team=vision:NoSchedule"]
    done = firelib_here(tmp_path, "pipeline", "compile", *images, "--machine", "n1-standard-8", "--gpu", "t4")
    assert done.returncode == 0, done.stderr
    assert next(yaml.safe_load_all((tmp_path / "pipeline.yaml").read_text())) == compiled


def test_missing_images_come_from_the_table_of_the_project(tmp_path):
    table = {name: f"registry/{name}@sha256:{'1' * 64}" for name in ("extract", "transform", "trainer", "trainer-gpu")}
    (tmp_path / DIGESTS).parent.mkdir()
    (tmp_path / DIGESTS).write_text(json.dumps(table))
    given = {"extract": IMAGES["extract"]}
    assert complete_images(PipelineSpec(given, RESOURCES), tmp_path).images == {
        "extract": IMAGES["extract"],
        "transform": table["transform"],
        "trainer": table["trainer-gpu"],  # since the training asks for a GPU
    }
    assert complete_images(PipelineSpec(given), tmp_path).images["trainer"] == table["trainer"]


def test_without_a_table_the_missing_images_are_named(tmp_path):
    with pytest.raises(FirelibError) as caught:
        compile_pipeline(complete_images(PipelineSpec({}), tmp_path))
    assert has_problem(caught.value, "--trainer-image")


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
