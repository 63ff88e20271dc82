"""Workers that use all GPUs, or all cores, of rented machines."""

import pytest

from firelib.gcp.machine_types import Gpu
from firelib.launch.job_spec import Replicas, Resources
from firelib.launch.worker_count import default_workers, describe_gpu_use
from tests.launch.jobs import job


def workers(resources, tmp_path, count=1, command=("firelib", "train")):
    spec = job(command=command, project=str(tmp_path), resources=resources, replicas=Replicas(count))
    return default_workers(spec, resources)


@pytest.mark.parametrize(
    ("resources", "count", "expected"),
    [
        (Resources(machine="g2-standard-24"), 1, 2),
        (Resources(machine="g2-standard-24"), 3, 6),
        (Resources(machine="n1-standard-16", gpu=Gpu("t4", 2)), 4, 8),
        (Resources(gpu=Gpu("t4", 2)), 2, 4),
        (Resources(machine="n1-standard-8"), 1, 6),
        (Resources(machine="n1-standard-8", cpus=4), 2, 8),
        (Resources(machine="n1-standard-8", memory_gib=4), 1, 2),
        (Resources(machine="e2-standard-2"), 3, 3),
        (Resources(), 2, None),
    ],
)
def test_all_gpus_or_all_cores_are_used(resources, count, expected, tmp_path):
    assert workers(resources, tmp_path, count) == expected


@pytest.mark.parametrize("stage", ["extract", "transform", "tune", "evaluate"])
def test_stages_that_do_not_train_have_no_workers(stage, tmp_path):
    assert workers(Resources(machine="g2-standard-24"), tmp_path, command=("firelib", stage)) is None


@pytest.mark.parametrize(("text", "expected"), [("{cpus_per_worker: 3}", 2), ("{}", 6), ("{cpus_per_worker: x}", 6)])
def test_workers_have_the_cores_that_the_project_gives_them(text, expected, tmp_path):
    (tmp_path / "other.yaml").write_text(f"train: {text}\n")
    command = ("firelib", "--params", "other.yaml", "train")
    assert workers(Resources(machine="n1-standard-8"), tmp_path, command=command) == expected


def test_unreadable_parameters_are_left_to_the_stage(tmp_path):
    (tmp_path / "params.yaml").write_text("- a list\n")
    assert workers(Resources(machine="n1-standard-8"), tmp_path) == 6


@pytest.mark.parametrize(
    ("given", "gpus", "expected"),
    [
        (2, 8, "2 of 8 GPUs used"),
        (None, 8, "8 of 8 GPUs used"),
        (9, 8, "8 of 8 GPUs used"),
        (2, 0, ""),
    ],
)
def test_unused_gpus_are_counted(given, gpus, expected):
    assert describe_gpu_use(given, gpus) == expected
