"""Command lines of QEMU against the committed ones; to write them anew: TESTS_WRITE_GOLDEN=1."""

import os
from pathlib import Path

import pytest

from firelib.vms.guest.command import Accelerator, qemu_command
from tests.vms.clusters import vm_cluster

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize(("accelerator", "shared_folder"), [("kvm", "/mnt/shared"), ("tcg", None)])
def test_command_is_the_committed_one(accelerator: Accelerator, shared_folder: str | None) -> None:
    cluster = vm_cluster(Path("/vms"), memory_gib=6, cpus=3, shared_folder=shared_folder)
    command = qemu_command(cluster, cluster.vms[0], accelerator)
    golden = GOLDEN / f"qemu-{accelerator}.txt"
    if os.environ.get("TESTS_WRITE_GOLDEN"):
        golden.write_text("\n".join(command) + "\n")
    assert command == golden.read_text().splitlines()


def test_a_comma_does_not_end_a_path() -> None:
    cluster = vm_cluster(Path("/a,b"), shared_folder="/mnt/shared")
    paths = [option for option in qemu_command(cluster, cluster.vms[0], "tcg") if "=/a" in option]
    assert len(paths) == 4
    assert all("=/a,,b/" in option for option in paths)


def test_no_secret_is_in_the_command(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path)
    vm = cluster.vms[0]
    command = " ".join(qemu_command(cluster, vm, "tcg"))
    assert str(vm.host_key) not in command
    assert "file=" + str(vm.seed) in command
