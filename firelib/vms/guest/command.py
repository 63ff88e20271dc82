"""The command line of QEMU for a VM, as a pure function."""

from pathlib import Path
from typing import Literal

from firelib.ray_setup.qemu import Qemu
from firelib.vms.guest.processes import PROGRAM, guest_name
from firelib.vms.plan import Vm

Accelerator = Literal["kvm", "tcg"]
_ACCELERATION = {
    "kvm": ("-accel", "kvm", "-cpu", "host"),
    "tcg": ("-accel", "tcg,thread=multi", "-cpu", "max"),
}


def qemu_command(cluster: str, vm: Vm, image: Path, qemu: Qemu, accelerator: Accelerator) -> list[str]:
    """Return the command that starts a VM in the background.

    Args:
        cluster: Name of the cluster.
        vm: The VM.
        image: Folder of its base image, which has the kernel.
        qemu: Size of the VM.
        accelerator: What runs the VM's code.
    """
    return [
        *(PROGRAM, "-name", guest_name(cluster, vm.address), "-daemonize"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", *_ACCELERATION[accelerator]),
        *("-sandbox", "on,resourcecontrol=deny"),  # -daemonize needs what `spawn` and `elevateprivileges` deny
        *("-smp", str(qemu.cpus), "-m", f"{qemu.memory_gib}G"),
        *("-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.img"), "-append", _kernel_arguments(vm)),
        *("-drive", f"file={vm.disk},format=qcow2,if=virtio,discard=unmap"),
        *("-drive", f"file={vm.seed},format=raw,if=virtio,readonly=on"),
        *("-netdev", f"tap,id=net,ifname={vm.tap},script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=net,mac={vm.mac}", "-device", "virtio-rng-pci"),
        *("-chardev", f"file,id=console,path={vm.console},append=on", "-serial", "chardev:console"),
    ]


def _kernel_arguments(vm: Vm) -> str:
    return f"root=/dev/vda rw console=ttyS0 systemd.hostname={vm.name}"
