"""Machines that Compute Engine rents out and custom training does not, and the reverse."""

import pytest

from firelib.gcp.machine_catalog import read_catalog
from firelib.gcp.machine_types import gpu_kinds
from firelib.launch.backends.registry import validate_job
from firelib.launch.backends.vertex.backend import VertexBackend
from firelib.launch.job_spec import Gpu, Replicas, Resources
from tests.errors import refused
from tests.launch.backends.vertex.test_requests import TARGET, pools, requests_of, vertex_job

CENTRAL = {**TARGET, "region": "us-central1"}


def job_on(machine, gpu=None, provisioning="on-demand", **fields):
    resources, replicas = Resources(machine=machine, gpu=gpu), Replicas(1, provisioning, 1)
    return vertex_job(resources=resources, replicas=replicas, target=CENTRAL, **fields)


@pytest.mark.parametrize(
    ("machine", "gpu"),
    [
        ("n1-standard-16", Gpu("t4", 1)),
        ("n1-standard-32", Gpu("t4", 2)),
        ("n1-standard-96", Gpu("t4", 4)),
        ("n1-standard-8", Gpu("v100", 1)),
        ("n1-highcpu-16", Gpu("t4", 1)),
        ("a3-megagpu-8g", None),
        ("n4-standard-8", None),
        ("e2-standard-4", None),
    ],
)
def test_offered_machines(machine, gpu):
    assert requests_of(job_on(machine, gpu))


@pytest.mark.parametrize(
    ("machine", "gpu", "provisioning", "parts"),
    [
        ("n1-standard-32", Gpu("t4", 1), "on-demand", ("resources.gpu:", "n1-standard-32", "counts of 2, 4", "got 1")),
        ("n1-standard-64", Gpu("t4", 2), "on-demand", ("resources.gpu:", "counts of 4,", "got 2")),
        ("n1-standard-16", Gpu("p100", 1), "on-demand", ("resources.gpu:", "no longer offers p100")),
        ("e2-standard-2", None, "on-demand", ("resources.machine:", "does not offer e2-standard-2", "e2-standard-4")),
        ("a4x-highgpu-4g", None, "spot", ("resources.machine:", "a4x-highgpu-4g", "Arm")),
        ("t2a-standard-8", None, "spot", ("resources.machine:", "Arm")),
        ("n1-standard-8", Gpu("t4"), "flex-start", ("replicas.provisioning:", "l4, a100", "n1-standard-8 has t4")),
        ("ct6e-standard-4t", None, "spot", ("resources.machine:", "TPUs")),
    ],
)
def test_machines_that_are_not_offered(machine, gpu, provisioning, parts):
    with refused(what=[parts]):
        validate_job("vertex", job_on(machine, gpu, provisioning))


def test_flex_start_ends_after_seven_days():
    assert requests_of(job_on("g2-standard-8", None, "flex-start", timeout_seconds=7 * 86400 - 300))
    with refused(what=[("timeout_seconds:", "7 days", "604500", "got 604501")]):
        validate_job("vertex", job_on("g2-standard-8", None, "flex-start", timeout_seconds=7 * 86400 - 299))
    assert requests_of(job_on("g2-standard-8", None, "spot", timeout_seconds=30 * 86400))


def test_an_unknown_machine_type_is_sent_with_a_note():
    spec = job_on("x9-megagpu-8g", Gpu("b200", 8))
    [asked] = requests_of(spec)
    machine = {"machineType": "x9-megagpu-8g", "acceleratorType": "NVIDIA_B200", "acceleratorCount": 8}
    assert pools(asked)[0]["machineSpec"] == machine
    [said] = VertexBackend().notes(spec)
    assert "'x9-megagpu-8g'" in said
    assert "price and quota are unknown" in said


def test_an_unknown_region_is_noted():
    [said] = VertexBackend().notes(vertex_job(target={**TARGET, "region": "europe-west44"}))
    assert "'europe-west44'" in said
    assert "did you mean 'europe-west4" in said
    assert list(VertexBackend().notes(vertex_job())) == []


@pytest.mark.parametrize(("machine", "disk"), [("n1-standard-8", "pd-ssd"), ("a3-ultragpu-8g", "hyperdisk-balanced")])
def test_the_boot_disk_suits_the_machine(machine, disk):
    [asked] = requests_of(job_on(machine))
    assert pools(asked)[0]["diskSpec"]["bootDiskType"] == disk


def test_the_rules_name_known_gpus():
    rules = read_catalog()["training"]
    named = {*rules["retired_gpus"], *rules["gpu_counts"], *rules["flex_start_gpus"]}
    assert named <= set(gpu_kinds())
