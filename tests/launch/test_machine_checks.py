"""Which machines Google Cloud offers with which GPUs, where and how they are rented."""

import pytest

from firelib.gcp.machine_types import Gpu
from firelib.launch.job_spec import Resources
from firelib.launch.machine_checks import find_machine_notes, resolve_gpu, validate_machine


def test_built_in_gpus_count() -> None:
    assert resolve_gpu(Resources(machine="g2-standard-24")) == Gpu("l4", 2)
    assert resolve_gpu(Resources(machine="n1-standard-8", gpu=Gpu("t4"))) == Gpu("t4")
    assert resolve_gpu(Resources(machine="n1-standard-8")) is None
    assert resolve_gpu(Resources()) is None
    assert resolve_gpu(Resources(machine="x9-standard-8")) is None


@pytest.mark.parametrize(
    ("resources", "region", "provisioning"),
    [
        (Resources(), None, "on-demand"),
        (Resources(machine="e2-standard-4", cpus=4, memory_gib=16), "us-central1", "spot"),
        (Resources(machine="n1-standard-8", gpu=Gpu("t4", 2)), "europe-west4", "on-demand"),
        (Resources(machine="n1-standard-96", gpu=Gpu("t4", 4)), None, "on-demand"),
        (Resources(machine="g2-standard-24"), "us-central1", "flex-start"),
        (Resources(machine="g2-standard-24", gpu=Gpu("l4", 2)), "us-central1", "spot"),
        (Resources(machine="a3-highgpu-1g"), "us-central1", "spot"),
        (Resources(machine="a3-ultragpu-8g"), "us-south1", "spot"),  # its regions are not known
        (Resources(machine="x9-standard-8", gpu=Gpu("l4")), "us-central1", "flex-start"),  # Google adds machine types
    ],
)
def test_available_machines(resources, region, provisioning):
    assert list(validate_machine(resources, region, provisioning)) == []


@pytest.mark.parametrize(
    ("resources", "region", "provisioning", "parts"),
    [
        (Resources(machine="n1_standard_8"), None, "spot", ("resources.machine:", "'n1_standard_8'")),
        (Resources(machine="ct5lp-hightpu-4t"), None, "spot", ("resources.machine:", "ct5lp-hightpu-4t", "TPU")),
        (Resources(machine="cloud-tpu"), None, "spot", ("resources.machine:", "TPU")),
        (Resources(gpu=Gpu("v5litepod")), None, "spot", ("resources.gpu.kind:", "v5litepod", "TPU")),
        (Resources(gpu=Gpu("tpu_v3")), None, "spot", ("resources.gpu.kind:", "TPU")),
        (Resources(gpu=Gpu("t5")), None, "spot", ("resources.gpu.kind:", "'t5'", "a100")),
        (
            Resources(machine="e2-standard-4", gpu=Gpu("t4")),
            None,
            "spot",
            ("resources.gpu:", "e2-standard-4", "t4", "n1-"),
        ),
        (
            Resources(machine="n1-standard-8", gpu=Gpu("l4")),
            None,
            "spot",
            ("resources.gpu:", "n1-standard-8", "l4", "g2-standard-12, g2-standard-16"),
        ),
        (Resources(machine="n1-standard-8", gpu=Gpu("t4", 3)), None, "spot", ("resources.gpu:", "t4", "1, 2, 4", "3")),
        (Resources(machine="n1-standard-96", gpu=Gpu("t4")), None, "spot", ("resources.gpu:", "1 t4", "48 vCPUs")),
        (Resources(machine="g2-standard-8", gpu=Gpu("l4", 2)), None, "spot", ("resources.gpu:", "1 l4", "2 l4")),
        (Resources(machine="g2-standard-8", cpus=16), None, "spot", ("resources.cpus:", "g2-standard-8 has 8", "16")),
        (Resources(machine="g2-standard-8", memory_gib=64), None, "spot", ("resources.memory_gib:", "64", "32")),
        (Resources(machine="g2-standard-8"), "europe-north1", "spot", ("target.region:", "'europe-north1'", "l4")),
        (Resources(machine="a3-highgpu-1g"), None, "on-demand", ("replicas.provisioning:", "spot", "'on-demand'")),
        (
            Resources(machine="e2-standard-4"),
            None,
            "flex-start",
            ("replicas.provisioning:", "flex-start", "e2-standard-4"),
        ),
    ],
)
def test_unavailable_machines(resources, region, provisioning, parts):
    problems = list(validate_machine(resources, region, provisioning))
    assert any(all(part in problem for part in parts) for problem in problems), problems


def test_all_reasons_are_reported_at_once():
    wrong = Resources(machine="g2-standard-8", cpus=16, memory_gib=64, gpu=Gpu("t4"))
    assert len(list(validate_machine(wrong, "us-central1", "spot"))) == 3


def test_what_is_not_known_is_noted():
    [said] = find_machine_notes(Resources(machine="g2-standart-8"))
    for part in ("'g2-standart-8'", "did you mean 'g2-standard-8'", "2025-06-30", "--gpu"):
        assert part in said
    [said] = find_machine_notes(Resources(machine="x9-gpu", gpu=Gpu("l4")))
    assert "--gpu" not in said
    assert list(find_machine_notes(Resources(machine="g2-standard-8"))) == []
    assert list(find_machine_notes(Resources())) == []
