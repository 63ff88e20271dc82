"""`firelib run` becomes one job for each stage, each with its image and machines; all problems are named at once."""

import json
from pathlib import Path

import pytest

from firelib.launch.backends.registry import load_backend
from firelib.launch.client.job_description import JobDescription
from firelib.launch.client.whole_run.stage_jobs import CPU_MACHINE, find_preflight_problems, merge_problems, split_run
from firelib.launch.images.image_choice import DIGESTS
from tests.errors import refused
from tests.launch.fake_registry import push_image, registry

NAMES = ("extract", "transform", "trainer", "trainer-gpu", "evaluate")
TABLE = {name: f"registry.invalid/lab/firelib-{name}@sha256:{number:064x}" for number, name in enumerate(NAMES)}
VERTEX = {"project": "my-lab", "region": "europe-west4"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / DIGESTS).parent.mkdir()
    (tmp_path / DIGESTS).write_text(json.dumps(TABLE))
    return tmp_path


def describe(project: Path, to: str = "vertex", stages=None, **fields) -> JobDescription:
    given = {
        "command": ("firelib", "run"),
        "project": str(project),
        "storage_root": "gs://bucket/firelib",
        "resources": {"machine": "g2-standard-8"},
        "target": VERTEX,
    }
    return JobDescription(load_backend(to), {**given, **fields}, "a test", stages or {})


def test_each_stage_has_the_image_of_its_component(project):
    run, specs = split_run(describe(project))
    assert {stage: spec.image for stage, spec in specs.items()} == {
        "extract": TABLE["extract"],
        "transform": TABLE["transform"],
        "train": TABLE["trainer-gpu"],
        "evaluate": TABLE["evaluate"],
    }
    assert [spec.job_id for spec in specs.values()] == [f"{run.job_id}-{stage}" for stage in specs]
    assert [spec.command for spec in specs.values()] == [("firelib", stage) for stage in specs]


def test_only_the_training_gets_gpus_replicas_and_spot_machines(project):
    replicas = {"count": 3, "provisioning": "spot", "restarts": 2}
    target = {**VERTEX, "machines": "g2-standard-12"}
    _, specs = split_run(describe(project, replicas=replicas, target=target))
    train = specs.pop("train")
    assert (train.replicas.count, train.replicas.provisioning, train.target) == (3, "spot", target)
    assert train.resources.machine == "g2-standard-8"
    for spec in specs.values():
        assert (spec.replicas.count, spec.replicas.provisioning, spec.target) == (1, "on-demand", VERTEX)
        assert (spec.resources.machine, spec.resources.gpu) == (CPU_MACHINE, None)


def test_a_machine_without_gpus_runs_every_stage(project):
    _, specs = split_run(describe(project, resources={"machine": "n1-highmem-8", "gpu": "t4"}))
    assert {spec.resources.machine for spec in specs.values()} == {"n1-highmem-8"}
    assert [stage for stage, spec in specs.items() if spec.resources.gpu] == ["train"]


def test_a_file_can_describe_single_stages(project):
    stages = {"transform": {"resources": {"machine": "n1-highmem-16"}, "timeout_seconds": 60}}
    _, specs = split_run(describe(project, stages=stages))
    assert specs["transform"].resources.machine == "n1-highmem-16"
    assert [spec.timeout_seconds for spec in specs.values()] == [None, 60, None, None]
    assert specs["extract"].resources.machine == CPU_MACHINE


@pytest.mark.parametrize(
    ("command", "stages"),
    [
        ("firelib run", ["extract", "transform", "train", "evaluate"]),
        ("firelib run transform", ["extract", "transform"]),
        ("firelib run --recipe flights train", ["extract", "transform", "train"]),
    ],
)
def test_targets_limit_what_is_checked(project, command, stages):
    assert list(split_run(describe(project, command=command))[1]) == stages


def test_all_problems_of_all_stages_are_named_at_once(project):
    (project / DIGESTS).write_text(json.dumps({"transform": TABLE["transform"]}))
    described = describe(project, storage_root=None, stages={"evaluat": {}, "transform": {"resources": {"cpus": -1}}})
    with refused(what=["stages.evaluat", "evaluate", ("train:", "trainer-gpu"), "resources.cpus", "extract"]):
        split_run(described)


def test_a_problem_that_all_stages_have_is_named_once(project):
    with refused(what="storage_root:") as caught:
        split_run(describe(project, storage_root=None))
    assert caught.value.what.count("storage_root:") == 1


def test_containers_of_this_machine_use_the_images_of_this_machine(project):
    described = describe(project, "docker", storage_root=str(project / "storage"), resources={}, target={})
    _, specs = split_run(described)
    requests = {stage: described.backend.request(spec) for stage, spec in specs.items()}
    assert {stage: request["containers"][0]["image"] for stage, request in requests.items()} == {
        "extract": "firelib-extract",
        "transform": "firelib-transform",
        "train": "firelib-trainer",
        "evaluate": "firelib-evaluate",
    }


def test_a_drill_concerns_the_training_only(project):
    target = {"kill_replica": "1@60s"}
    described = describe(
        project, "docker", storage_root=str(project), resources={}, target=target, replicas={"count": 2}
    )
    assert {stage: spec.target for stage, spec in split_run(described)[1].items() if spec.target} == {"train": target}


@pytest.mark.parametrize(
    ("to", "command", "is_whole"),
    [
        ("vertex", ("firelib", "run"), True),
        ("kubeflow", "firelib --debug run train", True),
        ("docker", ("firelib", "run", "--force"), True),
        ("vertex", ("firelib", "train"), False),
        ("local", ("firelib", "run"), False),
        ("ray", ("firelib", "run"), False),
    ],
)
def test_images_with_one_component_need_one_job_for_each_stage(project, to, command, is_whole):
    assert describe(project, to, command=command).is_whole_run is is_whole


def test_the_registry_is_asked_about_all_stages_before_anything_is_sent(project, tmp_path):
    """An image of another architecture, a missing one, and one of another component, in one answer."""
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    with registry(blobs) as address:
        images = {
            "extract": push_image(blobs, "arm64"),
            "transform": push_image(blobs, labels={"org.firelib.component": "trainer"}),
            "trainer": f"sha256:{'0' * 64}",
            "evaluate": push_image(blobs),
        }
        table = {name: f"{address}/lab/firelib-{name}@{digest}" for name, digest in images.items()}
        (project / DIGESTS).write_text(json.dumps(table))
        described = describe(project, "kubeflow", resources={}, target={})
        problems = find_preflight_problems(described.backend, split_run(described)[1])
    said = "\n".join(problems)
    assert "extract: image: expected linux/amd64, got linux/arm64" in said
    assert "transform: image: firelib transform needs the image of transform, got that of trainer" in said
    assert f"train: image: the registry has no {table['trainer']}" in said
    assert "evaluate: image" not in said


def test_problems_are_merged():
    problems = {"extract": ["a", "b"], "train": ["a"], "evaluate": ["a", "c"]}
    assert list(merge_problems(problems)) == ["a", "extract: b", "evaluate: c"]
    assert list(merge_problems({"train": ["a", "a"]})) == ["a"]
