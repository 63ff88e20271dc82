"""The command line of QEMU for a VM, as a pure function."""

from pathlib import Path
from typing import Literal

from firelib.ray_setup.qemu import Qemu
from firelib.vms.guest.processes import PROGRAM, guest_name
from firelib.vms.plan import SHARED_TAG, Vm, VmCluster

Accelerator = Literal["kvm", "tcg"]
_ACCELERATION = {
    "kvm": ("-accel", "kvm", "-cpu", "host"),
    # QEMU 7.2 emulates AVX2's gathers wrongly: they read elements that are masked out, and NumPy's sort then crashes.
    # LLVM takes the AES and CLMUL of 256 bits for a sign of AVX2, so that compiled kernels would use it all the same.
    "tcg": ("-accel", "tcg,thread=multi", "-cpu", "max,avx2=off,vaes=off,vpclmulqdq=off"),
}


def qemu_command(cluster: VmCluster, vm: Vm, accelerator: Accelerator) -> list[str]:
    """Return the command that starts a VM in the background.

    Args:
        cluster: Its cluster.
        vm: The VM.
        accelerator: What runs the VM's code.
    """
    image, qemu = vm.image_link, cluster.qemu
    return [
        *(PROGRAM, "-name", guest_name(cluster.name, vm.address), "-daemonize"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", *_ACCELERATION[accelerator]),
        *("-sandbox", "on,resourcecontrol=deny"),  # -daemonize needs what `spawn` and `elevateprivileges` deny
        *("-smp", str(qemu.cpus), "-m", f"{qemu.memory_gib}G"),
        *("-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initrd.img"), "-append", _kernel_arguments(vm)),
        *("-drive", f"file={_escape(vm.disk)},format=qcow2,if=virtio,discard=unmap"),
        *("-drive", f"file={_escape(vm.seed)},format=raw,if=virtio,readonly=on"),
        *("-netdev", f"tap,id=net,ifname={vm.tap},script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=net,mac={vm.mac}", "-device", "virtio-rng-pci"),
        *("-chardev", f"file,id=console,path={_escape(vm.console)},append=on", "-serial", "chardev:console"),
        *(_shared_folder(vm, qemu) if cluster.shared_folder else ()),
    ]


def _shared_folder(vm: Vm, qemu: Qemu) -> tuple[str, ...]:
    """virtiofs: the process that serves the folder reads requests from the VM's memory, which both therefore share."""
    return (
        *("-object", f"memory-backend-memfd,id=memory,size={qemu.memory_gib}G,share=on"),
        *("-machine", "memory-backend=memory"),
        *("-chardev", f"socket,id=shared,path={_escape(vm.shared_socket)}"),
        *("-device", f"vhost-user-fs-pci,chardev=shared,tag={SHARED_TAG}"),
    )


def _escape(path: Path) -> str:
    """QEMU ends a value at a comma; it reads two as one."""
    return str(path).replace(",", ",,")


def _kernel_arguments(vm: Vm) -> str:
    return f"root=/dev/vda rw console=ttyS0 systemd.hostname={vm.name}"
