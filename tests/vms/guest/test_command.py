"""Command lines of QEMU against the committed ones; to write them anew: TESTS_WRITE_GOLDEN=1."""

import os
from pathlib import Path

import pytest

from firelib.vms.guest.command import Accelerator, qemu_command
from tests.vms.clusters import vm_cluster

GOLDEN = Path(__file__).parent.parent / "golden"


@pytest.mark.parametrize("accelerator", ["kvm", "tcg"])
def test_command_is_the_committed_one(accelerator: Accelerator) -> None:
    cluster = vm_cluster(Path("/vms"), memory_gib=6, cpus=3)
    command = qemu_command("lab", cluster.vms[0], Path("/vms/images/base"), cluster.qemu, accelerator)
    golden = GOLDEN / f"qemu-{accelerator}.txt"
    if os.environ.get("TESTS_WRITE_GOLDEN"):
        golden.write_text("\n".join(command) + "\n")
    assert command == golden.read_text().splitlines()


def test_no_secret_is_in_the_command(tmp_path: Path) -> None:
    vm = vm_cluster(tmp_path).vms[0]
    command = " ".join(qemu_command("lab", vm, tmp_path, vm_cluster(tmp_path).qemu, "tcg"))
    assert str(vm.host_key) not in command
    assert "file=" + str(vm.seed) in command
