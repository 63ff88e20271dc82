"""The table of machine types holds together."""

from datetime import date

import pytest

from firelib.errors import FirelibError
from firelib.gcp.machine_catalog import table
from firelib.gcp.machine_types import gpu_kinds, gpus_of, machine, machines
from firelib.launch.job_spec import Gpu, Resources
from firelib.launch.machine_checks import misfits


def test_the_table_is_dated_and_names_its_source():
    assert isinstance(table()["as_of"], date)
    assert "estimate" in table()["source"]


@pytest.mark.parametrize("name", machines())
def test_each_row_makes_sense(name):
    kind = machine(name)
    assert kind.vcpus >= 2
    assert kind.memory_gib / kind.vcpus <= 20
    assert 0.01 < kind.price / kind.vcpus < 1
    assert kind.family in table()["families"]
    assert kind.gpu is None or kind.gpu.kind in gpu_kinds()


@pytest.mark.parametrize("name", gpu_kinds())
def test_each_gpu_can_be_had(name):
    kind = gpu_kinds()[name]
    comes_with = [other for other in machines().values() if other.gpu is not None and other.gpu.kind == name]
    assert bool(kind.attach) != bool(comes_with)
    assert bool(kind.price) == bool(kind.attach) == bool(kind.counts)
    assert len(set(kind.regions)) == len(kind.regions)
    assert "us-central1" in kind.regions


def test_unknown_machine_names_the_nearest():
    with pytest.raises(FirelibError) as caught:
        machine("g2-standart-8")
    assert "'g2-standart-8'" in caught.value.what
    assert "'g2-standard-8'" in caught.value.remedy


def test_gpus_that_come_with_a_machine_count():
    assert gpus_of(Resources(machine="g2-standard-24")) == Gpu("l4", 2)
    assert gpus_of(Resources(machine="n1-standard-8", gpu=Gpu("t4"))) == Gpu("t4")
    assert gpus_of(Resources(machine="n1-standard-8")) is None
    assert gpus_of(Resources()) is None


@pytest.mark.parametrize(
    ("resources", "region", "buying"),
    [
        (Resources(), None, "on-demand"),
        (Resources(machine="e2-standard-4", cpus=4, memory_gib=16), "us-central1", "spot"),
        (Resources(machine="n1-standard-8", gpu=Gpu("t4", 2)), "europe-west4", "on-demand"),
        (Resources(machine="n1-standard-96", gpu=Gpu("t4", 4)), None, "on-demand"),
        (Resources(machine="g2-standard-24"), "us-central1", "flex-start"),
        (Resources(machine="g2-standard-24", gpu=Gpu("l4", 2)), "us-central1", "spot"),
        (Resources(machine="a3-highgpu-1g"), "us-central1", "spot"),
    ],
)
def test_what_can_be_had(resources, region, buying):
    assert list(misfits(resources, region, buying)) == []


@pytest.mark.parametrize(
    ("resources", "region", "buying", "said"),
    [
        (Resources(machine="n3-standard-8"), None, "spot", ("resources.machine:", "'n3-standard-8'", "'n")),
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
        (Resources(machine="g2-standard-8", cpus=16), None, "spot", ("resources.cpus:", "16", "g2-standard-8", "8)")),
        (Resources(machine="g2-standard-8", memory_gib=64), None, "spot", ("resources.memory_gib:", "64", "32")),
        (Resources(machine="g2-standard-8"), "europe-north1", "spot", ("target.region:", "'europe-north1'", "l4")),
        (Resources(machine="a3-highgpu-1g"), None, "on-demand", ("replicas.buying:", "spot", "'on-demand'")),
        (Resources(machine="e2-standard-4"), None, "flex-start", ("replicas.buying:", "flex-start", "e2-standard-4")),
    ],
)
def test_what_cannot_be_had(resources, region, buying, said):
    problems = list(misfits(resources, region, buying))
    assert any(all(part in problem for part in said) for problem in problems), problems


def test_all_reasons_at_once():
    wrong = Resources(machine="g2-standard-8", cpus=16, memory_gib=64, gpu=Gpu("t4"))
    assert len(list(misfits(wrong, "us-central1", "spot"))) == 3
