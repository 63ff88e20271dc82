"""Choose between KVM and emulation by starting a guest: /dev/kvm may exist and yet hang, as in a nested VM."""

import os
import subprocess
from pathlib import Path

from firelib.errors import FirelibError
from firelib.ray_setup.qemu import Qemu
from firelib.vms.guest.command import Accelerator
from firelib.vms.guest.processes import PROGRAM

_KVM = Path("/dev/kvm")
_PROBE_SECONDS = 20.0  # with KVM, the kernel panics after one to three seconds
_BOOTED = b"Linux version"


def choose_accelerator(qemu: Qemu, kernel: Path) -> Accelerator:
    """Return what runs the code of VMs on this machine.

    Args:
        qemu: The settings; `auto` prefers KVM, if a guest boots with it.
        kernel: A kernel for that guest.

    Raises:
        FirelibError: `accelerator: kvm` is set, but no guest boots with it.
    """
    if qemu.accelerator == "tcg" or (qemu.accelerator == "auto" and not _KVM.exists()):
        return "tcg"
    if boots_with_kvm(kernel):
        return "kvm"
    if qemu.accelerator == "kvm":
        raise FirelibError(
            f"qemu.accelerator is kvm, but no guest booted with {_KVM} within {_PROBE_SECONDS:g} s",
            where="this machine",
            remedy="enable virtualisation in its firmware (in a VM: nested virtualisation), or set accelerator: tcg",
        )
    return "tcg"


def boots_with_kvm(kernel: Path, seconds: float = _PROBE_SECONDS) -> bool:
    """Whether a guest with KVM prints the first line of its kernel in time.

    The guest has no root file system, so its kernel panics and resets, which ends QEMU.

    Args:
        kernel: A kernel.
        seconds: Time limit.
    """
    command = [
        *(PROGRAM, "-accel", "kvm", "-cpu", "host", "-m", "256M", "-nodefaults", "-no-user-config", "-no-reboot"),
        *("-display", "none", "-serial", "stdio", "-kernel", str(kernel)),
        *("-append", "console=ttyS0 panic=-1"),
    ]
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and no argument from outside
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # `run` has killed it
        return False
    return done.returncode == os.EX_OK and _BOOTED in done.stdout
