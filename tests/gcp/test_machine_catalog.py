"""Which machine of Google Cloud takes which GPU: one rule for cluster.yaml and for jobs."""

import pytest

from firelib.gcp.machine_catalog import (
    accelerators,
    families,
    families_with_gpus,
    family,
    gpu_kind_named,
    table,
    takes,
    wrong_gpu,
)


def test_each_family_is_there_once() -> None:
    assert len(set(families())) == len(families())
    assert {family(name) for name in table()["machines"]} == set(table()["families"])


def test_gpus_are_attached_only_where_none_come_with_the_machine() -> None:
    attached = {name for row in table()["gpus"].values() for name in row.get("attach", ())}
    assert attached == {"n1"}
    assert families_with_gpus() == {"a2", "a3", "a4", "g2", "g4"}


@pytest.mark.parametrize("name", ["t4", "nvidia-tesla-t4", "NVIDIA_TESLA_T4"])
def test_a_gpu_has_three_names(name: str) -> None:
    assert gpu_kind_named(name) == "t4"


def test_each_accelerator_is_a_known_kind() -> None:
    assert {gpu_kind_named(name) for name in accelerators()} == set(table()["gpus"])


@pytest.mark.parametrize(
    ("machine_type", "gpu", "count", "problem"),
    [
        ("n1-standard-8", "t4", 1, None),
        ("n1-ultramem-40", "t4", 1, None),  # a machine without a row: its family decides
        ("g2-standard-24", "l4", 2, None),
        ("g2-standard-24", "l4", 1, "g2-standard-24 comes with 2 l4, got 1 l4"),
        ("c3-standard-8", "t4", 1, "c3-standard-8 can take no t4; these can: n1-"),
        ("e2-standard-4", "l4", 3, "e2-standard-4 can take no l4; these can: none so many"),
        ("n1-standard-8", "v100", 16, "v100 comes by 1, 2, 4, 8, got 16"),
        ("n1-standard-16", "v100", 1, "1 v100 allow 12 vCPUs and 78 GiB, n1-standard-16 has 16 and 60"),
    ],
)
def test_rule(machine_type: str, gpu: str, count: int, problem: str | None) -> None:
    said = wrong_gpu(machine_type, gpu, count)
    assert takes(machine_type, gpu, count) is (said is None)
    assert (said or "").startswith(problem or "")
    assert (said is None) is (problem is None)
