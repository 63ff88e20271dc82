"""Serve the folder that a cluster's VMs share with this machine, by virtiofs.

Each VM has a process of virtiofsd of its own, which ends when the VM does. Its first argument says whose it is, as the
value of `-name` does for the VM's process.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from firelib.vms.guest.processes import end_processes, guest_name
from firelib.vms.plan import USER_ID, Vm, VmCluster

_FOLDERS = ("/usr/lib/qemu", "/usr/libexec")  # of Debian 12 and 13
_SUFFIX = ":shared-folder"


def find_program() -> str | None:
    """Path of virtiofsd, which is in no folder of PATH; None if it is missing."""
    return shutil.which("virtiofsd", path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_FOLDERS)))


@contextmanager
def serve_shared_folder(cluster: VmCluster, vm: Vm) -> Iterator[None]:
    """Serve the shared folder to a VM that is started during the block; without such a folder, do nothing.

    Args:
        cluster: Its cluster.
        vm: The VM.
    """
    if not cluster.shared_folder:
        yield
        return
    end_processes([process for address, process in find_servers(cluster) if address == str(vm.address)])
    _create_source(cluster.shared_source)
    process = _start(cluster, vm)
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        vm.shared_socket.unlink(missing_ok=True)


def find_servers(cluster: VmCluster) -> list[tuple[str, psutil.Process]]:
    """The processes that serve the shared folder of a cluster: address of the VM, process."""
    return list(_servers(guest_name(cluster.name, ""), f"source={cluster.shared_source}"))


def _servers(prefix: str, source: str) -> Iterator[tuple[str, psutil.Process]]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has just ended
            name, *options = process.cmdline() or [""]
            if name.startswith(prefix) and name.endswith(_SUFFIX) and source in options:
                yield name.removeprefix(prefix).removesuffix(_SUFFIX), process


def _create_source(folder: Path) -> None:
    """Create the folder for the clusters' user, once: later changes of its owner or mode stay."""
    if not folder.exists():
        new = folder.with_name(f".new-{folder.name}")
        new.mkdir(parents=True, exist_ok=True)  # an interrupted call may have left it
        os.chown(new, USER_ID, USER_ID)
        new.rename(folder)


def _start(cluster: VmCluster, vm: Vm) -> subprocess.Popen[bytes]:
    """Start virtiofsd on a socket that is open already, so that QEMU can connect at once."""
    program = find_program()  # refuse_unready has checked it
    vm.shared_socket.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener, (vm.folder / "shared.log").open("wb") as log:
        listener.bind(str(vm.shared_socket))
        listener.listen(1)
        name = f"{guest_name(cluster.name, vm.address)}{_SUFFIX}"
        return subprocess.Popen(  # noqa: S603  # no shell, and no argument from outside
            [name, f"--fd={listener.fileno()}", "-o", f"source={cluster.shared_source}"],
            executable=program,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
