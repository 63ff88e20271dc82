"""cluster/*.yaml, checked: valid for `ray up`, and with what Ansible needs to know under `provider.firelib`."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, computed_field, model_validator
from pydantic_core import ErrorDetails

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

    type: Google's name, like nvidia-tesla-t4.
    count: How many a machine gets.
    """

    type: str
    count: int = Field(default=1, ge=1, le=16)


class Gcp(_Strict):
    """Machines that Ansible makes on Google Cloud, with the addresses of `head_ip` and `worker_ips`.

    project, region, zone: Where.
    machine_type: Of every machine.
    gpus: To attach; machine_catalog.yaml knows to which machine families, and which bring theirs.
    spot: Cheaper machines that Google may take back.
    disk_gib: Size of the boot disk.
    image: Of the boot disk.
    subnet: Range of the private network; holds all addresses.
    allow_from: Who may reach SSH: a range; default the address that Google sees this machine with.
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
            raise ValueError(f"machine_type {self.machine_type!r} is of no family that firelib knows ({known})")
        if self.gpus:
            _check_gpus(self.gpus, self.machine_type)
        if not self.zone.startswith(f"{self.region}-"):
            raise ValueError(f"zone {self.zone!r} is not in region {self.region!r}")
        return self

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own advice
    @property
    def has_gpus(self) -> bool:
        """Whether each machine has GPUs, its own or attached ones."""
        return self.gpus is not None or parse_family(self.machine_type) in list_gpu_families()


def _check_gpus(gpus: Gpus, machine_type: str) -> None:
    if gpus.type not in list_accelerators():
        raise ValueError(f"gpus.type: there is no {gpus.type!r}: {did_you_mean(gpus.type, list_accelerators())}")
    if parse_family(machine_type) in list_gpu_families():
        raise ValueError(f"no {gpus.type} can be attached to a {machine_type}: drop gpus, they come with it")
    problem = explain_gpu_mismatch(machine_type, parse_gpu_kind(gpus.type), gpus.count)
    if problem:
        raise ValueError(f"gpus: {problem}")


class Hosts(_Strict):
    """What Ansible does with the hosts (`provider.firelib`).

    python: Version on all hosts; where a host lacks it, uv downloads it.
    folder: Where the environment lies on every host.
    shared_folder: A folder that all hosts mount at the same path, for `on-shared-storage`.
    object_store_gib: Size of /dev/shm, which Ray's object store takes; default as the host has it.
    container_engine: Install Debian's Docker too.
    firewall: Only the cluster's hosts and the machine that runs setup.yml reach the hosts' ports from 1024 up.
    ray_under_systemd: Ray starts with the host instead of with `ray up`: one of both, never both.
    autostop_minutes: Idle hosts power off after so many minutes; 0 is never. Default: 30 on Google Cloud, else 0.
    gcp: Make the machines on Google Cloud.
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
    """Hosts with addresses known beforehand.

    head_ip, worker_ips: Private addresses.
    external_head_ip: Where the head is reached from outside; the workers are reached through it.
    firelib: For Ansible; Ray does not read it.
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
            raise ValueError(f"{', '.join(twice)} is there more than once: each host has one address and one role")
        return self


class Auth(_Strict):
    """How hosts are reached: a user who may sudo, and the file of a private key."""

    ssh_user: str
    ssh_private_key: str | None = None
    ssh_proxy_command: str | None = None


class ClusterFile(_Strict):
    """A file for `ray up` with provider local. Fields without a word here are Ray's own."""

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
        return self.provider.firelib


def read_cluster_file(path: Path) -> ClusterFile:
    """A checked cluster file.

    Raises:
        FirelibError: It cannot be read or is wrong; names all wrong keys and the nearest valid ones.
    """
    return parse_cluster_file(_read(path), str(path))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FirelibError(f"cannot read {path}: {error.strerror}", remedy="check the path and its rights") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FirelibError(f"{path} is not YAML: {error}", where=str(path), remedy="correct the syntax") from None
    if not isinstance(raw, dict):
        raise FirelibError(f"{path} holds no mapping", where=str(path), remedy="see docs/cluster.md")
    return raw


def parse_cluster_file(raw: Mapping[str, Any], where: str) -> ClusterFile:
    """A checked cluster file from plain data; raises as `read_cluster_file` does."""
    try:
        return ClusterFile.model_validate(raw)
    except ValidationError as error:
        problems = "\n".join(_explain(detail) for detail in error.errors())
        raise FirelibError(
            problems, where=where, remedy="correct the file; docs/cluster.md explains the keys"
        ) from None


def _explain(detail: ErrorDetails) -> str:
    name = ".".join(str(part) for part in detail["loc"]) or "the file"
    match detail["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"{name} is unknown: {did_you_mean(str(detail['loc'][-1]), _siblings(detail['loc']))}"
        case "value_error":
            return f"{name}: {detail['msg'].removeprefix('Value error, ')}"
        case _:
            return f"{name}: {detail['msg']}, got {detail['input']!r}"


def _siblings(location: tuple[int | str, ...]) -> Iterator[str]:
    model: type[BaseModel] = ClusterFile
    for part in location[:-1]:
        model = _SECTIONS[str(part)]
    yield from model.model_fields


_SECTIONS: dict[str, type[BaseModel]] = {
    "provider": LocalProvider,
    "firelib": Hosts,
    "gcp": Gcp,
    "gpus": Gpus,
    "auth": Auth,
}
