"""Validated cluster files (cluster/*.yaml): input of `ray up`, with Ansible's settings in `provider.firelib`."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, computed_field, model_validator

from firelib.config import explain_validation_error, read_yaml_mapping
from firelib.errors import FirelibError, did_you_mean
from firelib.gcp.machine_catalog import (
    explain_gpu_mismatch,
    list_accelerators,
    list_families,
    list_gpu_families,
    parse_family,
    parse_gpu_kind,
)

Commands = list[str]
Address = Annotated[str, BeforeValidator(lambda value: str(IPv4Address(value)))]

_MACHINE = re.compile(r"(?P<family>[a-z]\d[a-z]?)-[a-z]+(-[a-z0-9]+)*")


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
        zone: Zone of the machines, in `region`.
        machine_type: Type of every machine.
        gpus: GPUs to attach; machine_catalog.yaml lists the machine families that take them or include their own.
        spot: Whether to use spot machines, which are cheaper and which Google may preempt.
        disk_gib: Size of the boot disk, in GiB.
        image: Image of the boot disk.
        subnet: Address range of the private network; contains all addresses of the hosts.
        allow_from: Address range that may reach SSH; default the public address of this machine.
    """

    project: str
    region: str
    zone: str
    machine_type: str
    gpus: Gpus | None = None
    spot: bool = False
    disk_gib: int = Field(default=100, ge=20)
    image: str = "projects/debian-cloud/global/images/family/debian-12"
    subnet: str = "10.10.0.0/24"
    allow_from: str | None = None

    @model_validator(mode="after")
    def _machine_fits(self) -> "Gcp":
        if not _MACHINE.fullmatch(self.machine_type) or parse_family(self.machine_type) not in list_families():
            known = ", ".join(list_families())
            raise ValueError(f"machine_type {self.machine_type!r} is not of a known machine family ({known})")
        if self.gpus:
            _check_gpus(self.gpus, self.machine_type)
        if not self.zone.startswith(f"{self.region}-"):
            raise ValueError(f"zone {self.zone!r} is not in region {self.region!r}")
        return self

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documentation requires this ignore
    @property
    def has_gpus(self) -> bool:
        """Whether each machine has GPUs, its own or attached ones."""
        return self.gpus is not None or parse_family(self.machine_type) in list_gpu_families()


def _check_gpus(gpus: Gpus, machine_type: str) -> None:
    if gpus.type not in list_accelerators():
        raise ValueError(f"gpus.type {gpus.type!r} is unknown: {did_you_mean(gpus.type, list_accelerators())}")
    if parse_family(machine_type) in list_gpu_families():
        raise ValueError(f"gpus: {machine_type} includes its GPUs, so {gpus.type} cannot be attached: remove gpus")
    problem = explain_gpu_mismatch(machine_type, parse_gpu_kind(gpus.type), gpus.count)
    if problem:
        raise ValueError(f"gpus: {problem}")


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
        gcp: The machines to create on Google Cloud; null for hosts that exist.
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

    @property
    def hosts(self) -> Hosts:
        """How Ansible prepares the hosts."""
        return self.provider.firelib


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
