"""The VMs of a cluster file: their names, addresses and files."""

import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile
from firelib.ray_setup.qemu import Qemu

#: Folder of images and clusters. It belongs to root, like the bridge and the taps.
DEFAULT_FOLDER = Path("/var/lib/firelib/vms")
#: Name by which VMs mount the shared folder.
SHARED_TAG = "shared"
#: Number of the clusters' user in the VMs, and of the owner of the shared folder.
USER_ID = 1000
#: Name of a VM's disk in its folder.
DISK_NAME = "disk.qcow2"


@dataclass(frozen=True)
class Vm:
    """One VM.

    Attributes:
        name: Its hostname.
        address: Its address in the cluster's network.
        mac: Its MAC address.
        tap: The network device of this machine that leads to it.
        folder: Folder of its files.
    """

    name: str
    address: IPv4Address
    mac: str
    tap: str
    folder: Path

    @property
    def disk(self) -> Path:
        """Its disk, an overlay of the base image."""
        return self.folder / DISK_NAME

    @property
    def seed(self) -> Path:
        """Disk with what is its own: name, address, user and keys."""
        return self.folder / "seed.img"

    @property
    def host_key(self) -> Path:
        """Private key of its SSH server."""
        return self.folder / "host_key"

    @property
    def console(self) -> Path:
        """File of what it prints to its console."""
        return self.folder / "console.log"

    @property
    def shared_socket(self) -> Path:
        """Socket on which the shared folder is served, until QEMU has connected."""
        return self.folder / "shared.sock"

    @property
    def image_link(self) -> Path:
        """Link to the folder of the base image."""
        return self.folder / "image"


@dataclass(frozen=True)
class VmCluster:
    """The VMs of one cluster file, head first, and what they share.

    Attributes:
        name: Name of the cluster.
        qemu: Size of the VMs, and their network.
        user: User with sudo rights on every VM.
        key: Private key for SSH, which is created if it does not exist.
        known_hosts: File with the public keys of the VMs' SSH servers.
        vms: The VMs.
        folder: Folder of all VMs of this machine.
        shared_folder: Where the VMs mount the folder that all of them share; None: they share none.
    """

    name: str
    qemu: Qemu
    user: str
    key: Path
    known_hosts: Path
    vms: tuple[Vm, ...]
    folder: Path
    shared_folder: str | None

    @property
    def shared_source(self) -> Path:
        """This machine's folder behind `shared_folder`, outside of the cluster's: it stays when VMs are removed."""
        return self.folder / "shared" / self.name

    @property
    def own_folder(self) -> Path:
        """Folder of this cluster."""
        return cluster_folder(self.folder, self.name)

    @property
    def images(self) -> Path:
        """Folder of the base images, which clusters share."""
        return self.folder / "images"


def plan_cluster(file: ClusterFile, folder: Path = DEFAULT_FOLDER) -> VmCluster:
    """Plan the VMs of a cluster file.

    Args:
        file: The cluster file.
        folder: Folder of all VMs of this machine.

    Raises:
        FirelibError: The file has no section `provider.firelib.qemu`.
    """
    qemu, key, known_hosts = file.hosts.qemu, file.auth.ssh_private_key, file.known_hosts
    if not (qemu and key and known_hosts):
        raise FirelibError(
            "provider.firelib.qemu is missing: this cluster has no local VMs",
            where=file.cluster_name,
            remedy="add the section, as in cluster/local-vms.yaml",
        )
    name = file.cluster_name
    addresses = (file.provider.head_ip, *file.provider.worker_ips)
    vms = tuple(_plan_vm(name, IPv4Address(address), folder) for address in addresses)
    user, shared_folder = file.auth.ssh_user, file.hosts.shared_folder
    return VmCluster(name, qemu, user, Path(key).expanduser(), known_hosts, vms, folder, shared_folder)


def cluster_folder(folder: Path, name: str) -> Path:
    """Folder of a cluster's VMs below the folder of all VMs."""
    return folder / "clusters" / name


def device_prefix(name: str) -> str:
    """Start of the names of a cluster's network devices: a hash, since Linux allows 15 characters only."""
    return f"fl{_digest(name)[:8]}"


def bridge_name(name: str) -> str:
    """Name of a cluster's bridge."""
    return f"{device_prefix(name)}-br"


def _plan_vm(cluster: str, address: IPv4Address, folder: Path) -> Vm:
    # Names come from the address, not from its position: a VM keeps them when another one leaves the file.
    return Vm(
        name=f"{cluster}-{str(address).replace('.', '-')}",
        address=address,
        mac=_mac(cluster, address),
        tap=f"{device_prefix(cluster)}-{int(address) & 0xFFFF:04x}",
        folder=cluster_folder(folder, cluster) / "vms" / str(address),
    )


def _mac(cluster: str, address: IPv4Address) -> str:
    digits = _digest(f"{cluster}/{address}")
    return ":".join(("52:54:00", digits[:2], digits[2:4], digits[4:6]))  # 52:54:00 is QEMU's own range


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
