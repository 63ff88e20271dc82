"""The training of a pipeline as a job of its own, with several pods."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from firelib.errors import FirelibError
from firelib.launch.backends.kubeflow.kfp.pipeline import PipelineSpec, compile_pipeline
from firelib.launch.backends.kubeflow.kfp.training_job import list_submit_options
from firelib.launch.client.cli_values import parse_pairs
from firelib.launch.job_spec import Gpu, Resources
from firelib.launch.runtime import pipeline_component
from firelib.launch.transfer.code_transfer import send_code
from tests import buckets
from tests.launch.backends.kubeflow.fake_cluster import FakeCluster, serving, write_kubeconfig
from tests.launch.backends.kubeflow.submitted import ended
from tests.launch.drill import firelib_here, write_project
from tests.launch.jobs import job
from tests.launch.problems import has_problem
from tests.project import ROOT

IMAGES = {name: f"registry/firelib-{name}@sha256:{'0' * 64}" for name in ("extract", "transform", "trainer")}
RESOURCES = Resources(machine="n1-standard-8", gpu=Gpu("t4", 2))
TARGET = {"namespace": "lab", "tolerations": "team=vision:NoSchedule"}
SECRETS = {"WANDB_API_KEY": "k8s:wandb/key"}


def test_the_component_of_the_training_asks_for_nothing_itself():
    spec = PipelineSpec(IMAGES, RESOURCES, replicas=3, target=TARGET)
    compiled, platform = yaml.safe_load_all(compile_pipeline(spec))
    containers = {name: each["container"] for name, each in compiled["deploymentSpec"]["executors"].items()}
    train, evaluate = containers["exec-train"], containers["exec-evaluate"]
    assert train["args"][5:] == list_submit_options(IMAGES["trainer"], 3, RESOURCES, {}, {}, TARGET)
    assert len(evaluate["args"]) == 5
    assert "resources" not in train
    assert not any(each["name"] == "FIRELIB_EXPECTED_GPUS" for each in train.get("env", []))
    pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert "nodeSelector" not in pods["exec-train"]


def test_the_options_describe_a_train_job(tmp_path):
    """The command line itself reads them."""
    write_project(tmp_path)
    options = list_submit_options(IMAGES["trainer"], 3, RESOURCES, {"TEAM": "vision"}, SECRETS, TARGET)
    done = firelib_here(
        tmp_path, "submit", "--dry-run", *options, "--", "firelib", "train", FIRELIB_STORAGE_ROOT="gs://bucket/firelib"
    )
    assert done.returncode == 0, done.stderr
    request = yaml.safe_load(done.stdout)
    runtime, train_job = request["objects"]
    assert (runtime["kind"], train_job["kind"]) == ("TrainingRuntime", "TrainJob")
    assert train_job["metadata"]["namespace"] == "lab"
    trainer = train_job["spec"]["trainer"]
    assert (trainer["numNodes"], trainer["image"], trainer["args"]) == (3, IMAGES["trainer"], ["firelib", "train"])
    assert trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"] == "2"
    names = {each["name"]: each.get("value") for each in trainer["env"]}
    assert names["TEAM"] == "vision"
    assert names["WANDB_API_KEY"] is None  # from the secret


@pytest.mark.parametrize(("replicas", "platform", "part"), [(0, "kubeflow", "0"), (2, "vertex", "in one pod")])
def test_a_wrong_number_of_replicas_is_refused(replicas, platform, part):
    with pytest.raises(FirelibError) as caught:
        compile_pipeline(PipelineSpec(IMAGES, replicas=replicas, platform=platform))
    assert has_problem(caught.value, "--replicas", part)


@pytest.mark.parametrize(("target", "namespace"), [({}, "own"), (TARGET, "lab")])
def test_the_job_runs_in_the_namespace_of_the_pod_unless_one_is_named(tmp_path, monkeypatch, target, namespace):
    (tmp_path / "namespace").write_text("own\n")
    monkeypatch.setattr(pipeline_component, "_NAMESPACE", tmp_path / "namespace")
    options = list_submit_options(IMAGES["trainer"], 2, Resources(), {}, {}, target)
    command = pipeline_component.list_submit_command("train", options)
    settings = [word.removeprefix("--set=") for word in command if word.startswith("--set=")]
    assert parse_pairs(settings, "--set")["namespace"] == namespace
    assert command[-3:] == ["--", "firelib", "train"]


class Operator(threading.Thread):
    """What Trainer and JobSet do: start the pod of a TrainJob, here as a process, and report its end."""

    def __init__(self, cluster: FakeCluster, folder: Path) -> None:
        super().__init__(daemon=True)
        self._cluster, self._folder = cluster, folder
        self._stopped = threading.Event()
        self.train_job = None

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def run(self) -> None:
        while not (jobs := self._cluster.objects("trainjobs")):
            if self._stopped.wait(0.1):
                return
        [self.train_job] = jobs.values()
        trainer = self.train_job["spec"]["trainer"]
        variables = {each["name"]: each["value"] for each in trainer["env"]}
        done = subprocess.run(
            [sys.executable, *trainer["command"][1:], *trainer["args"]],
            cwd=self._folder,
            env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        name = self.train_job["metadata"]["name"]
        labels = {"firelib-job": name, "batch.kubernetes.io/job-completion-index": "0"}
        self._cluster.add_pod("node-0", labels, ["node"], phase="Succeeded")
        self._cluster.logs["node-0", "node"] = done.stdout + done.stderr
        self.train_job["status"] = ended("Failed" if done.returncode else "Complete")


@pytest.mark.integration
def test_the_component_sends_a_job_and_passes_its_outputs_on(tmp_path):
    """A stage that is sent as a job leaves what it would have left in the component's own pod."""
    for name in ("here", "component", "pod"):
        (tmp_path / name).mkdir()
    project, after, cluster = write_project(tmp_path / "here"), tmp_path / "after", FakeCluster()
    options = list_submit_options(IMAGES["trainer"], 1, Resources(), {}, {}, {})
    with buckets.s3() as root, serving(cluster) as address:
        spec = job(command=("firelib", "extract"), project=str(project), storage_root=root)
        operator = Operator(cluster, tmp_path / "pod")
        operator.start()
        command = [sys.executable, "-m", "firelib.launch.pipeline_stage", "extract", send_code(spec), "none"]
        done = subprocess.run(
            [*command, root, str(after), *options],
            cwd=tmp_path / "component",
            env={**os.environ, "PYTHONPATH": str(ROOT), "KUBECONFIG": str(write_kubeconfig(address, tmp_path))},
            capture_output=True,
            text=True,
            check=False,
        )
        operator.stop()
    assert done.returncode == 0, done.stderr
    assert operator.train_job["spec"]["trainer"]["args"] == ["firelib", "extract"]
    assert "rows: 100 rows" in done.stderr  # the log of the job is the component's
    assert (tmp_path / "component/data/rows/lake.json").is_file()
    assert after.read_text().startswith(f"{root}/pipelines/")
    assert cluster.objects("trainjobs") == {}  # removed with the end of the job
