"""What can be refused before any VM is made: missing programs and rights, too little memory or disk, a used subnet."""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from firelib.errors import FirelibError
from firelib.vms.guest.folder_server import find_program
from firelib.vms.image.seed import RESOLVERS, read_resolvers
from firelib.vms.network import find_overlaps
from firelib.vms.plan import VmCluster

#: Program → its Debian package.
PROGRAMS: Mapping[str, str] = {
    "ip": "iproute2",
    "iptables": "iptables",
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "ssh-keygen": "openssh-client",
}
_SYSTEM_PATHS = ("/usr/sbin", "/sbin")  # not in the PATH of every user
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
_IMAGE_GIB = 2
_SOCKET_PATH_BYTES = 107  # sun_path of Linux, less the final zero
_GIB = 2**30


def add_system_paths() -> None:
    """Let this process find the programs of administrators, as a login of root does."""
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join([*path, *(folder for folder in _SYSTEM_PATHS if folder not in path)])


class Problem(NamedTuple):
    """A reason why this machine cannot run the VMs.

    Attributes:
        what: Expected and actual value.
        remedy: What to do about it.
    """

    what: str
    remedy: str


def refuse_unready(cluster: VmCluster, stopped: int) -> None:
    """Refuse VMs that this machine cannot run; the error names every reason.

    Args:
        cluster: The VMs.
        stopped: How many of them do not run yet.

    Raises:
        FirelibError: There is too little memory or disk, or the network cannot be made.
    """
    refuse(
        [
            *find_lacking_memory(cluster, stopped, psutil.virtual_memory().available),
            *find_lacking_disk(cluster, _free_bytes(cluster.folder)),
            *find_closed_forwarding(),
            *find_lacking_resolvers(cluster),
            *find_lacking_folder_server(cluster),
            *(Problem(what, "choose another qemu.subnet, and addresses in it") for what in find_overlaps(cluster)),
        ]
    )


def refuse(problems: Sequence[Problem]) -> None:
    """Raise one error for all problems, if there are any.

    Raises:
        FirelibError: There are problems.
    """
    if problems:
        raise FirelibError(
            "\n".join(problem.what for problem in problems),
            where="this machine",
            remedy="; ".join(dict.fromkeys(problem.remedy for problem in problems)),
        )


def find_missing() -> list[Problem]:
    """The missing programs and rights, which all other checks need."""
    return [*find_missing_programs(), *find_missing_rights()]


def find_missing_programs() -> Iterator[Problem]:
    """Yield a problem for each missing program; all have the same remedy."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    install = f"apt-get install {' '.join(dict.fromkeys(PROGRAMS[program] for program in missing))}"
    return (Problem(f"{program} is missing", install) for program in missing)


def find_missing_rights() -> Iterator[Problem]:
    """Yield a problem unless this process may create network devices and root file systems."""
    if os.geteuid() != 0:
        yield Problem(f"expected user root, got uid {os.geteuid()}", "run the command with sudo")


def find_lacking_memory(cluster: VmCluster, count: int, available: int) -> Iterator[Problem]:
    """Yield a problem if VMs that do not run yet need more memory than this machine has.

    Args:
        cluster: The VMs.
        count: How many of them do not run yet.
        available: Free memory, in bytes.
    """
    needed = count * cluster.qemu.memory_gib
    if needed * _GIB > available:
        what = f"memory: {count} VMs need {needed} GiB, and {available / _GIB:.1f} GiB are available"
        yield Problem(what, "lower qemu.memory_gib or the number of workers")


def find_lacking_disk(cluster: VmCluster, free: int) -> Iterator[Problem]:
    """Yield a problem if the disks of VMs that do not exist yet could grow beyond what is free.

    Args:
        cluster: The VMs.
        free: Free bytes for the folder of all VMs.
    """
    count = sum(not vm.folder.exists() for vm in cluster.vms)
    needed = count * cluster.qemu.disk_gib + (_IMAGE_GIB if count else 0)
    if needed * _GIB > free:
        what = f"disk: {count} VMs need {needed} GiB, and {free / _GIB:.1f} GiB are free for {cluster.folder}"
        yield Problem(what, "lower qemu.disk_gib or the number of workers, or free some space")


def find_closed_forwarding(setting: Path = _FORWARDING) -> Iterator[Problem]:
    """Yield a problem if this machine forwards no packets, without which VMs reach no package archive."""
    if setting.read_text(encoding="ascii").strip() != "1":
        yield Problem("net.ipv4.ip_forward: expected 1, got 0", "run: sysctl --write net.ipv4.ip_forward=1")


def find_lacking_resolvers(cluster: VmCluster, files: Sequence[Path] = RESOLVERS) -> Iterator[Problem]:
    """Yield a problem if VMs that do not exist yet would have no name server.

    Args:
        cluster: The VMs.
        files: Files in the form of resolv.conf.
    """
    if any(not vm.folder.exists() for vm in cluster.vms) and not read_resolvers(files):
        what = (
            f"{' and '.join(map(str, files))} name no server that VMs can reach: expected another address than loopback"
        )
        yield Problem(what, "add the network's name server to /etc/resolv.conf: nameserver ADDRESS")


def find_lacking_folder_server(cluster: VmCluster) -> Iterator[Problem]:
    """Yield a problem if the VMs share a folder, and this machine cannot serve it.

    Args:
        cluster: The VMs.
    """
    if not cluster.shared_folder:
        return
    if not find_program():
        yield Problem("virtiofsd is missing", "apt-get install qemu-system-common (Debian 12) or virtiofsd (Debian 13)")
    longest = max((str(vm.shared_socket) for vm in cluster.vms), key=len)
    if len(longest) > _SOCKET_PATH_BYTES:
        what = f"path of a socket: at most {_SOCKET_PATH_BYTES} bytes, got {len(longest)} ({longest})"
        yield Problem(what, "choose a shorter cluster_name, or a folder with a shorter path (-e vms_folder=/path)")


def _free_bytes(folder: Path) -> int:
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    return shutil.disk_usage(existing).free
