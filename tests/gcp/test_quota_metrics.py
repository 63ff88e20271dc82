"""Which quotas a machine counts against."""

import pytest

from firelib.gcp.quota_metrics import cpu_metrics, disk_metric, gpu_metrics

FAMILY = "GPUS-PER-GPU-FAMILY-per-project-region"
VM_FAMILY = "CPUS-PER-VM-FAMILY-per-project-region"


@pytest.mark.parametrize(
    ("machine_type", "spot", "names"),
    [
        ("n1-standard-8", False, ["CPUS"]),
        ("n1-standard-8", True, ["PREEMPTIBLE_CPUS", "CPUS"]),
        ("n2-standard-4", False, ["N2_CPUS"]),
        ("c4-standard-8", False, [f"{VM_FAMILY} vm_family=C4"]),
        ("a3-highgpu-8g", False, []),  # only its GPUs count
    ],
)
def test_quotas_of_cores(machine_type: str, spot: bool, names: list[str]) -> None:
    assert list(map(str, cpu_metrics(machine_type, spot))) == names


@pytest.mark.parametrize(
    ("gpu", "spot", "names"),
    [
        ("nvidia-tesla-t4", False, ["NVIDIA_T4_GPUS"]),
        ("nvidia-tesla-t4", True, ["PREEMPTIBLE_NVIDIA_T4_GPUS", "NVIDIA_T4_GPUS"]),
        ("nvidia-h100-80gb", False, [f"{FAMILY} gpu_family=NVIDIA_H100"]),
        ("nvidia-h100-80gb", True, ["PREEMPTIBLE_NVIDIA_H100_GPUS", f"{FAMILY} gpu_family=NVIDIA_H100"]),
        ("nvidia-h200-141gb", False, [f"{FAMILY} gpu_family=NVIDIA_H200"]),
        ("nvidia-b200", False, [f"{FAMILY} gpu_family=NVIDIA_B200"]),
        ("nvidia-a100-80gb", False, ["NVIDIA_A100_80GB_GPUS", f"{FAMILY} gpu_family=NVIDIA_A100_80GB"]),
    ],
)
def test_quotas_of_gpus(gpu: str, spot: bool, names: list[str]) -> None:
    assert list(map(str, gpu_metrics(gpu, spot))) == names


@pytest.mark.parametrize(
    ("disk_type", "name"), [("pd-balanced", "SSD_TOTAL_GB"), ("hyperdisk-balanced", "HDB_TOTAL_GB")]
)
def test_quota_of_disks(disk_type: str, name: str) -> None:
    assert str(disk_metric(disk_type)) == name
