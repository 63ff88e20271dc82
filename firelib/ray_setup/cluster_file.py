"""Validated cluster files (cluster/*.yaml): input of `ray up`, with Ansible's settings in `provider.firelib`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, computed_field, model_validator

from firelib.config import explain_validation_error, read_yaml_mapping
from firelib.errors import FirelibError, did_you_mean
from firelib.gcp.disk_types import default_disk_type, explain_disk_mismatch, list_disk_types
from firelib.gcp.machine_catalog import (
    explain_gpu_mismatch,
    list_accelerators,
    list_families,
    list_gpu_families,
    parse_family,
    parse_gpu_kind,
    read_catalog,
)
from firelib.ray_setup.qemu import Qemu, Subnet

Commands = list[str]
Address = Annotated[str, BeforeValidator(lambda value: str(IPv4Address(value)))]

_MACHINE = re.compile(r"(?P<family>[a-z]\d[a-z]?)-[a-z]+(-[a-z0-9]+)*")

_USER = re.compile(r"[a-z_][-a-z0-9_]{0,31}")
_GCP_NAME = 25  # the service account is called NAME-node, in at most 30 characters
_UBUNTU = "projects/ubuntu-os-cloud/global/images/family/ubuntu-2404-lts-amd64"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Gpus(_Strict):
    """GPUs attached to each machine.

    Attributes:
        type: Google's name of the accelerator, such as `nvidia-tesla-t4`.
        count: GPUs of each machine.
    """

    type: str
    count: int = Field(default=1, ge=1, le=16)


class Gcp(_Strict):
    """Machines that Ansible creates on Google Cloud, with the addresses of `head_ip` and `worker_ips`.

    Attributes:
        project: Google Cloud project.
        region: Region of the network.
        zone: Zone of the machines, in `region`; the same as one zone in `zones`.
        zones: Zones of the machines, in `region`; where one has no capacity, the next is tried.
        machine_type: Type of every machine.
        gpus: GPUs to attach; machine_catalog.yaml lists the machine families that take them or include their own.
        spot: Whether to use spot machines, which are cheaper and which Google may preempt.
        disk_gib: Size of the boot disk, in GiB.
        disk_type: Type of the boot disk; by default the cheapest SSD that the machine type takes.
        image: Image of the boot disk.
        subnet: Address range of the private network; contains all addresses of the hosts.
        allow_from: Address range that may reach SSH; by default, the public IPv4 address of this machine is added to
            those of earlier runs.
    """

    project: str
    region: str
    zone: str | None = None
    zones: list[str] = []
    machine_type: str
    gpus: Gpus | None = None
    spot: bool = False
    disk_gib: int = Field(default=100, ge=20)
    disk_type: str | None = None
    image: str = "projects/debian-cloud/global/images/family/debian-12"
    subnet: Subnet = "10.10.0.0/24"
    allow_from: Subnet | None = None

    def find_unusable(self, addresses: Iterable[str]) -> Iterator[str]:
        """Yield a problem for each address that a machine cannot have in the subnet.

        Args:
            addresses: Private addresses of the hosts.
        """
        network = IPv4Network(self.subnet)
        first, last = network.network_address, network.broadcast_address
        reserved = {first, first + 1, last - 1, last}
        for address in map(IPv4Address, addresses):
            if address not in network:
                yield f"{address} is outside gcp.subnet {self.subnet}"
            elif address in reserved:
                yield f"{address} is reserved by Google Cloud: the first two and last two addresses of {self.subnet}"

    @model_validator(mode="after")
    def _machine_fits(self) -> "Gcp":
        problems = [*_explain_machine(self), *_explain_zones(self)]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documentation requires this ignore
    @property
    def has_gpus(self) -> bool:
        """Whether each machine has GPUs, its own or attached ones."""
        return self.gpus is not None or parse_family(self.machine_type) in list_gpu_families()

    @computed_field  # type: ignore[prop-decorator]  # the same
    @property
    def candidate_zones(self) -> list[str]:
        """The zones to create machines in, most wanted first."""
        return [self.zone] if self.zone else self.zones

    @computed_field  # type: ignore[prop-decorator]  # the same
    @property
    def boot_disk_type(self) -> str:
        """The type of the boot disk."""
        return self.disk_type or default_disk_type(self.machine_type)


def _explain_machine(gcp: Gcp) -> Iterator[str]:
    if not _MACHINE.fullmatch(gcp.machine_type) or parse_family(gcp.machine_type) not in list_families():
        known = ", ".join(list_families())
        yield f"machine_type {gcp.machine_type!r} is not of a known machine family ({known})"
        return
    if gcp.gpus:
        yield from _explain_gpus(gcp.gpus, gcp.machine_type)
    if gcp.image.startswith("projects/debian-cloud/") and parse_family(gcp.machine_type) in read_catalog()["blackwell"]:
        yield f"image: Debian has no driver for the GPUs of {gcp.machine_type}: set {_UBUNTU}"
    if gcp.disk_type:
        yield from _explain_disk_type(gcp.disk_type, gcp.machine_type)


def _explain_zones(gcp: Gcp) -> Iterator[str]:
    if bool(gcp.zone) == bool(gcp.zones):
        yield f"expected either zone or zones, got {'both' if gcp.zone else 'neither'}"
    outside = [zone for zone in gcp.candidate_zones if not zone.startswith(f"{gcp.region}-")]
    if outside:
        yield f"zone {', '.join(map(repr, outside))} is not in region {gcp.region!r}"


def _explain_disk_type(disk_type: str, machine_type: str) -> Iterator[str]:
    if disk_type not in list_disk_types():
        yield f"disk_type {disk_type!r} is unknown: {did_you_mean(disk_type, list_disk_types())}"
    elif problem := explain_disk_mismatch(machine_type, disk_type):
        yield f"disk_type: {problem}"


def _explain_gpus(gpus: Gpus, machine_type: str) -> Iterator[str]:
    if gpus.type not in list_accelerators():
        yield f"gpus.type {gpus.type!r} is unknown: {did_you_mean(gpus.type, list_accelerators())}"
    elif parse_family(machine_type) in list_gpu_families():
        yield f"gpus: {machine_type} includes its GPUs, so {gpus.type} cannot be attached: remove gpus"
    elif problem := explain_gpu_mismatch(machine_type, parse_gpu_kind(gpus.type), gpus.count):
        yield f"gpus: {problem}"


class Hosts(_Strict):
    """How Ansible prepares the hosts (`provider.firelib`).

    Attributes:
        python: Python version on all hosts; uv downloads it where a host lacks it.
        folder: Folder of the Python environment on every host.
        shared_folder: A folder that all hosts mount at the same path, for `on-shared-storage`.
        object_store_gib: Size of /dev/shm, which holds Ray's object store, in GiB; by default it stays as it is.
        container_engine: Whether to install Debian's Docker.
        firewall: Whether to restrict the hosts' ports from 1024 up to the cluster's hosts and the machine that runs
            setup.yml.
        ray_under_systemd: Whether systemd starts Ray at boot; then `ray up` must not start it.
        autostop_minutes: Minutes after which an idle host powers off; 0 disables it. Default: 30 on Google Cloud,
            else 0.
        gcp: The machines to create on Google Cloud.
        qemu: The VMs to create on this machine. Without `gcp` and `qemu`, the hosts exist.
    """

    python: Literal["3.11", "3.12"] = "3.11"
    folder: str = Field(default="/opt/firelib", pattern=r"^/[^\s]+$")
    shared_folder: str | None = Field(default=None, pattern=r"^/[^\s]+$")
    object_store_gib: float | None = Field(default=None, gt=0)
    container_engine: bool = False
    firewall: bool = False
    ray_under_systemd: bool = False
    autostop_minutes: int | None = Field(default=None, ge=0)
    gcp: Gcp | None = None
    qemu: Qemu | None = None

    @model_validator(mode="after")
    def _one_provider(self) -> "Hosts":
        if self.gcp and self.qemu:
            raise ValueError("gcp and qemu exclude each other: machines are either on Google Cloud or on this machine")
        return self

    @property
    def autostop(self) -> int:
        """Minutes until an idle host powers off; 0 is never."""
        if self.autostop_minutes is not None:
            return self.autostop_minutes
        return 30 if self.gcp else 0


class LocalProvider(_Strict):
    """Hosts with fixed addresses.

    Attributes:
        type: Ray's provider.
        head_ip: Private address of the head.
        worker_ips: Private addresses of the workers.
        external_head_ip: Public address of the head, which is the jump host to the workers.
        firelib: Settings for Ansible; Ray ignores them.
    """

    type: Literal["local"]
    head_ip: Address
    worker_ips: list[Address]
    external_head_ip: Address | None = None
    firelib: Hosts = Hosts()

    @model_validator(mode="after")
    def _each_once(self) -> "LocalProvider":
        addresses = [self.head_ip, *self.worker_ips]
        twice = sorted({address for address in addresses if addresses.count(address) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed more than once: each host has one address and one role")
        return self

    @model_validator(mode="after")
    def _machines_can_have_the_addresses(self) -> "LocalProvider":
        machines = self.firelib.gcp or self.firelib.qemu
        problems = list(machines.find_unusable([self.head_ip, *self.worker_ips])) if machines else []
        if self.firelib.qemu and self.external_head_ip:
            problems.append("external_head_ip: local VMs have no public address: remove the key")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class Auth(_Strict):
    """How to connect to the hosts over SSH.

    Attributes:
        ssh_user: A user with sudo rights.
        ssh_private_key: File of the private key.
        ssh_proxy_command: Command to connect through, such as a jump host.
    """

    ssh_user: str
    ssh_private_key: str | None = None
    ssh_proxy_command: str | None = None


class ClusterFile(_Strict):
    """Input of `ray up` with provider `local`.

    Attributes:
        cluster_name: Name of the cluster: lower-case letters, digits and hyphens.
        provider: Addresses of the hosts, and Ansible's settings.
        auth: How to connect to the hosts.

    Ray documents the other fields
    (https://docs.ray.io/en/latest/cluster/vms/references/ray-cluster-configuration.html).
    """

    cluster_name: str = Field(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")
    provider: LocalProvider
    auth: Auth
    max_workers: int | None = Field(default=None, ge=0)
    idle_timeout_minutes: float | None = None
    upscaling_speed: float | None = None
    file_mounts: dict[str, str] = {}
    cluster_synced_files: list[str] = []
    rsync_exclude: list[str] = []
    rsync_filter: list[str] = []
    initialization_commands: Commands = []
    setup_commands: Commands = []
    head_setup_commands: Commands = []
    worker_setup_commands: Commands = []
    head_start_ray_commands: Commands = []
    worker_start_ray_commands: Commands = []

    @model_validator(mode="after")
    def _google_accepts_name_and_key(self) -> "ClusterFile":
        if self.hosts.gcp and len(self.cluster_name) > _GCP_NAME:
            raise ValueError(
                f"cluster_name: on Google Cloud at most {_GCP_NAME} characters, got {len(self.cluster_name)}: "
                "the name of its service account must fit into 30"
            )
        if self.hosts.gcp and not self.auth.ssh_private_key:
            raise ValueError("auth.ssh_private_key is required with gcp: new machines let in this key only")
        return self

    @model_validator(mode="after")
    def _vms_have_a_user_and_a_key(self) -> "ClusterFile":
        if self.hosts.qemu and not self.auth.ssh_private_key:
            raise ValueError("auth.ssh_private_key is required with qemu: name a file; it is created if it is missing")
        user = self.auth.ssh_user
        if self.hosts.qemu and (user == "root" or not _USER.fullmatch(user)):
            raise ValueError(f"auth.ssh_user: VMs get a new user, expected a name such as 'firelib', got {user!r}")
        return self

    @property
    def hosts(self) -> Hosts:
        """How Ansible prepares the hosts."""
        return self.provider.firelib

    @property
    def known_hosts(self) -> Path | None:
        """File with the host keys of local VMs, beside the user's key; None for other hosts."""
        if not self.hosts.qemu or not self.auth.ssh_private_key:
            return None
        return Path(self.auth.ssh_private_key).expanduser().parent / f"{self.cluster_name}.known_hosts"


def read_cluster_file(path: Path) -> ClusterFile:
    """The validated content of a cluster file.

    Raises:
        FirelibError: The file cannot be read or is invalid; the error names all invalid keys and the nearest valid
            ones.
    """
    raw = read_yaml_mapping(path, if_missing="check the path", if_no_mapping="write it as docs/cluster.md describes")
    return parse_cluster_file(raw, str(path))


def parse_cluster_file(raw: Mapping[str, Any], where: str) -> ClusterFile:
    """The validated cluster file from plain data.

    Args:
        raw: What a YAML parser returns for the file.
        where: What to call the file in errors.

    Raises:
        FirelibError: Keys are invalid; the error names all of them and the nearest valid ones.
    """
    try:
        return ClusterFile.model_validate(raw)
    except ValidationError as error:
        raise FirelibError(
            explain_validation_error(error, ClusterFile),
            where=where,
            remedy="correct the file; docs/cluster.md explains the keys",
        ) from None
