"""The catalog of machine types is consistent."""

from datetime import date

import pytest
from pydantic import ValidationError

from firelib.gcp.machine_catalog import read_catalog
from firelib.gcp.machine_types import Gpu, gpu_kinds, machines


def test_the_catalog_is_dated_and_names_its_source() -> None:
    assert isinstance(read_catalog()["as_of"], date)
    assert "estimate" in read_catalog()["source"]


@pytest.mark.parametrize("name", machines())
def test_each_machine_is_plausible(name: str) -> None:
    machine = machines()[name]
    assert machine.vcpus >= 2
    assert 0.9 <= machine.memory_gib / machine.vcpus <= 20
    assert machine.price is None or 0.01 < machine.price / machine.vcpus < 1
    assert machine.family in read_catalog()["families"]
    assert machine.gpu is None or machine.gpu.kind in gpu_kinds()


@pytest.mark.parametrize("name", gpu_kinds())
def test_each_gpu_is_available(name: str) -> None:
    kind = gpu_kinds()[name]
    built_in = [machine for machine in machines().values() if machine.gpu is not None and machine.gpu.kind == name]
    assert bool(kind.attach) != bool(built_in)
    assert bool(kind.price) == bool(kind.attach) == bool(kind.counts)
    assert len(set(kind.regions)) == len(kind.regions)
    assert not kind.regions or "us-central1" in kind.regions


@pytest.mark.parametrize(("kind", "count"), [("", 1), ("l4", 0)])
def test_gpus_are_checked(kind: str, count: int) -> None:
    with pytest.raises(ValidationError):
        Gpu(kind, count)
