"""Which machine of Google Cloud supports which GPU: one rule for cluster.yaml and for jobs."""

import pytest

from firelib.gcp.machine_catalog import (
    accepts_gpu,
    explain_gpu_mismatch,
    list_accelerators,
    list_families,
    list_gpu_families,
    parse_family,
    parse_gpu_kind,
    read_catalog,
)


def test_each_family_is_listed_once() -> None:
    assert len(set(list_families())) == len(list_families())
    assert {parse_family(name) for name in read_catalog()["machines"]} == set(read_catalog()["families"])


def test_gpus_are_attached_only_to_families_without_built_in_gpus() -> None:
    attached = {name for row in read_catalog()["gpus"].values() for name in row.get("attach", ())}
    assert attached == {"n1"}
    assert list_gpu_families() == {"a2", "a3", "a4", "a4x", "g2", "g4"}


@pytest.mark.parametrize("name", ["t4", "nvidia-tesla-t4", "NVIDIA_TESLA_T4"])
def test_a_gpu_has_three_names(name: str) -> None:
    assert parse_gpu_kind(name) == "t4"


def test_each_accelerator_is_a_known_kind() -> None:
    assert {parse_gpu_kind(name) for name in list_accelerators()} == set(read_catalog()["gpus"])


@pytest.mark.parametrize(
    ("machine_type", "gpu", "count", "parts"),
    [
        ("n1-standard-8", "t4", 1, None),
        ("n1-ultramem-40", "t4", 1, None),  # not in the catalog: its family decides
        ("g2-standard-24", "l4", 2, None),
        ("g2-standard-24", "l4", 1, ("g2-standard-24 ", "2 l4", "got 1 l4")),
        ("c3-standard-8", "t4", 1, ("c3-standard-8 ", "1 t4", ": n1-")),
        ("e2-standard-4", "l4", 3, ("e2-standard-4 ", "3 l4", ": none")),
        ("n1-standard-8", "v100", 16, ("v100 ", "1, 2, 4, 8", "got 16")),
        ("n1-standard-16", "v100", 1, ("1 v100 ", "12 vCPUs and 78 GiB", "n1-standard-16 has 16 vCPUs and 60 GiB")),
    ],
)
def test_mismatch_is_explained(machine_type: str, gpu: str, count: int, parts: tuple[str, ...] | None) -> None:
    reason = explain_gpu_mismatch(machine_type, gpu, count)
    assert accepts_gpu(machine_type, gpu, count) is (reason is None)
    assert (reason is None) is (parts is None)
    for part in parts or ():
        assert part in (reason or "")
