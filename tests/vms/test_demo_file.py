from typing import Any

import pytest
import yaml

from firelib.ray_setup.cluster_file import parse_cluster_file
from firelib.vms.demo_file import describe_demo
from firelib.vms.guest.command import Accelerator
from tests.project import ROOT

EXAMPLE: dict[str, Any] = yaml.safe_load((ROOT / "cluster" / "local-vms.yaml").read_text())
GIB = 2**30


@pytest.mark.parametrize(
    ("accelerator", "memory_gib", "workers"), [("kvm", 64, 2), ("kvm", 11, 1), ("kvm", 3, 0), ("tcg", 64, 0)]
)
def test_the_demo_has_the_vms_that_this_machine_can_run(
    accelerator: Accelerator, memory_gib: int, workers: int
) -> None:
    demo = parse_cluster_file(describe_demo(EXAMPLE, accelerator, memory_gib * GIB), "demo.yaml")
    assert len(demo.provider.worker_ips) == workers
    assert demo.hosts.qemu
    assert demo.hosts.qemu.accelerator == accelerator
    assert demo.hosts.shared_folder


def test_the_examples_vms_can_run_at_the_same_time() -> None:
    example = parse_cluster_file(EXAMPLE, "example.yaml")
    demo = parse_cluster_file(describe_demo(EXAMPLE, "kvm", 64 * GIB), "demo.yaml")
    assert demo.cluster_name != example.cluster_name
    assert demo.auth.ssh_private_key != example.auth.ssh_private_key
    assert demo.hosts.qemu
    assert example.hosts.qemu
    assert not demo.hosts.qemu.network.overlaps(example.hosts.qemu.network)
    assert describe_demo(EXAMPLE, "kvm", 64 * GIB)["head_start_ray_commands"] == EXAMPLE["head_start_ray_commands"]
