"""Jobs in YAML files: read, merged with options, and sent by `firelib submit -f`."""

import json

import pytest

from firelib.launch.client.job_file import merge_fields, read_job_file
from tests.errors import refused
from tests.launch.drill import firelib_here, write_project

IMAGE = f"registry.invalid/lab/firelib-trainer@sha256:{'0' * 64}"
JOB = f"""
to: kubeflow
command: firelib train --fresh
image: {IMAGE}
env: {{FIRELIB_WORKERS: "3", FIRELIB_TRACKING: none}}
secrets: {{WANDB_API_KEY: "k8s:wandb/key"}}
resources: {{machine: n1-standard-8, gpu: "t4:2", cpus: 4}}
replicas: {{count: 3, provisioning: spot, restarts: 2}}
timeout_seconds: 3600
labels: {{team: vision}}
storage_root: gs://bucket/firelib
target: {{namespace: lab}}
queue_seconds:
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "job.yaml").write_text(JOB)
    return write_project(tmp_path)


def submit(project, *arguments):
    done = firelib_here(project, "submit", "-f", "job.yaml", "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["objects"]


def variables(job):
    return {each["name"]: each.get("value") for each in job["spec"]["trainer"]["env"]}


def test_a_file_describes_a_job(project):
    _, job = submit(project)
    trainer = job["spec"]["trainer"]
    assert job["metadata"]["namespace"] == "lab"
    assert job["metadata"]["labels"]["team"] == "vision"
    assert variables(job)["FIRELIB_JOB_SECONDS"] == "3600"
    assert trainer["image"] == IMAGE
    assert trainer["args"] == ["firelib", "train", "--fresh"]
    assert trainer["numNodes"] == 3
    assert trainer["resourcesPerNode"]["limits"]["nvidia.com/gpu"] == "2"
    assert variables(job)["FIRELIB_TRACKING"] == "none"
    assert variables(job)["FIRELIB_STORAGE_ROOT"] == "gs://bucket/firelib"


def test_options_take_precedence(project):
    arguments = [
        "-n",
        "2",
        "--gpu",
        "t4",
        "--provisioning",
        "on-demand",
        "-e",
        "FIRELIB_WORKERS=2",
        "--set",
        "kind=RayJob",
    ]
    _, job = submit(project, *arguments[:-2], "--", "firelib", "evaluate")
    trainer = job["spec"]["trainer"]
    assert trainer["args"] == ["firelib", "evaluate"]
    assert trainer["numNodes"] == 2
    assert trainer["resourcesPerNode"]["limits"] == {"cpu": "4000m", "memory": "26329Mi", "nvidia.com/gpu": "1"}
    assert (variables(job)["FIRELIB_WORKERS"], variables(job)["FIRELIB_TRACKING"]) == ("2", "none")
    [ray_job] = submit(project, *arguments)
    assert (ray_job["kind"], ray_job["metadata"]["namespace"]) == ("RayJob", "lab")


def test_unknown_keys_name_the_nearest(tmp_path):
    file = tmp_path / "job.yaml"
    file.write_text("too: ray\nimagee: x\njob_id: mine\nbackend: ray")
    with refused(
        what=[("too", "'to'"), ("imagee", "'image'"), ("job_id:", "firelib submit"), "backend"],
        where=file,
        remedy="docs/submit.md",
    ):
        read_job_file(file)


@pytest.mark.parametrize("text", ["[a]", "train", "a: [", ""])
def test_other_files_are_refused(tmp_path, text):
    file = tmp_path / "job.yaml"
    file.write_text(text)
    with refused(where=file):
        read_job_file(file)


def test_a_missing_file_is_named(tmp_path):
    with refused(what=tmp_path / "job.yaml", remedy="--file"):
        read_job_file(tmp_path / "job.yaml")


def test_wrong_values_are_reported_at_once(project):
    (project / "job.yaml").write_text(
        "resources: {cpu: 1, cpus: many}\nreplicas: {count: 0}\nenv: 3\nlabels: {Team: a}"
    )
    done = firelib_here(project, "submit", "-f", "job.yaml", "--dry-run")
    assert done.returncode == 1
    for part in ("resources.cpu is unknown", "'cpus'", "'many'", "replicas.count", "env:", "'Team'", "job.yaml"):
        assert part in done.stderr


def test_merging_keeps_what_is_not_given():
    base = {"env": {"A": "1", "B": "2"}, "image": "x", "resources": {"gpu": {"kind": "l4"}}}
    override = {"env": {"B": "3"}, "image": None, "resources": {"gpu": "t4", "cpus": None}, "labels": {}}
    assert merge_fields(base, override) == {
        "env": {"A": "1", "B": "3"},
        "image": "x",
        "resources": {"gpu": "t4"},
    }
    assert merge_fields({"env": 3}, {"env": {}}) == {"env": 3}  # a wrong value of a file is reported, not dropped


@pytest.mark.parametrize(("stages", "parts"), [("[train]", ("stages", "train")), ("{train: 3}", ("stages.train", "3"))])
def test_stages_of_another_form_are_refused(tmp_path, stages, parts):
    (tmp_path / "job.yaml").write_text(f"command: firelib run\nstages: {stages}\n")
    with refused(what=[parts], where=tmp_path / "job.yaml"):
        read_job_file(tmp_path / "job.yaml")


def test_stages_of_a_job_of_one_stage_are_refused(project):
    (project / "job.yaml").write_text(f"{JOB}stages: {{train: {{timeout_seconds: 5}}}}\n")
    done = firelib_here(project, "submit", "-f", "job.yaml", "--dry-run")
    assert done.returncode == 1
    assert "stages" in done.stderr
