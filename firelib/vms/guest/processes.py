"""Find and end the QEMU processes of a cluster.

A process is recognised by its arguments: `-name firelib:CLUSTER:ADDRESS` and a disk in the cluster's folder. There is
no file of process ids, which would be wrong after a crash.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from firelib.vms.network import mark_of

PROGRAM = "qemu-system-x86_64"
_END_SECONDS = 10.0


def guest_name(cluster: str, address: object) -> str:
    """The value of `-name` of a VM's process."""
    return f"{mark_of(cluster)}:{address}"


def find_guests(cluster: str, folder: Path) -> dict[str, psutil.Process]:
    """The running VMs of a cluster.

    Args:
        cluster: Name of the cluster.
        folder: Folder of the cluster.

    Returns:
        Address → process.
    """
    return dict(_guests(cluster, folder))


def end_processes(processes: list[psutil.Process]) -> None:
    """End processes at once, VMs like a power cut. psutil compares start times first, so no other one is signalled."""
    for process in processes:
        _signal(process, kill=False)
    _, alive = psutil.wait_procs(processes, timeout=_END_SECONDS)
    for process in alive:
        _signal(process, kill=True)
    psutil.wait_procs(alive, timeout=_END_SECONDS)


def _guests(cluster: str, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    prefix = guest_name(cluster, "")
    for process in psutil.process_iter():
        try:
            arguments = process.cmdline()
        except psutil.Error:  # it has just ended
            continue
        name = _after("-name", arguments)
        if name.startswith(prefix) and f"{folder}/" in " ".join(arguments) and Path(arguments[0]).name == PROGRAM:
            yield name.removeprefix(prefix), process


def _after(option: str, arguments: list[str]) -> str:
    return arguments[arguments.index(option) + 1] if option in arguments[:-1] else ""


def _signal(process: psutil.Process, kill: bool) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill() if kill else process.terminate()
