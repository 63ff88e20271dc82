"""Which boot disk a machine type takes."""

import pytest

from firelib.gcp.disk_types import default_disk_type, explain_disk_mismatch


@pytest.mark.parametrize(
    ("machine_type", "disk_type"),
    [
        ("n1-standard-8", "pd-balanced"),
        ("a3-highgpu-8g", "pd-balanced"),
        ("a3-ultragpu-8g", "hyperdisk-balanced"),
        ("a4-highgpu-8g", "hyperdisk-balanced"),
        ("g4-standard-48", "hyperdisk-balanced"),
        ("c4a-standard-8", "hyperdisk-balanced"),
        ("n4-standard-8", "hyperdisk-balanced"),
    ],
)
def test_default(machine_type: str, disk_type: str) -> None:
    assert default_disk_type(machine_type) == disk_type
    assert explain_disk_mismatch(machine_type, disk_type) is None


@pytest.mark.parametrize(
    ("machine_type", "disk_type"), [("c4-standard-8", "pd-ssd"), ("n1-standard-8", "hyperdisk-balanced")]
)
def test_mismatch_is_explained(machine_type: str, disk_type: str) -> None:
    reason = explain_disk_mismatch(machine_type, disk_type) or ""
    assert machine_type in reason
    assert disk_type in reason
