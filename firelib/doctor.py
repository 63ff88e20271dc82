"""What may keep firelib from working on this machine: one finding a check, each with its remedy.

Nothing heavy is imported here: where a check needs Ray itself, it asks another process, and does not wait for ever.
"""

import os
import platform
import shutil
import socket
import stat
import subprocess
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import psutil
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from rich.markup import escape

from firelib import console, storage
from firelib.config import Params, load_params
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import read_cluster_file
from firelib.ray_setup.start import fits_sockets, free_shared_memory, ray_temp_dir
from firelib.ray_setup.token import ray_token, token_file
from firelib.ray_setup.version import cluster_version
from firelib.user_folders import is_private_folder, is_writable

Status = Literal["ok", "warning", "error"]

PORTS = {6379: "Ray's head", 8265: "Ray's dashboard and jobs", 10001: "Ray's client server"}
_GIB = 2**30
_SECONDS = 10.0
_SIGN = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "error": "[red]error[/]"}


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        name: What was checked.
        status: Whether work can go on: ok, with a drawback (warning), or not (error).
        detail: What is the case, with the measured value.
        remedy: What to do about it; there is one whenever the status is not ok.
    """

    name: str
    status: Status
    detail: str
    remedy: str | None = None

    def __post_init__(self) -> None:
        if self.status != "ok" and not self.remedy:
            raise ValueError(f"{self.name}: a finding that is not ok needs a remedy")


def diagnose(project: Path) -> list[Finding]:
    """All findings about this machine.

    Args:
        project: Folder that holds params.yaml and uv.lock.
    """
    params, finding = check_params(project)
    return [
        check_python(project),
        *check_packages(project),
        *check_clusters(os.environ),
        check_memory(psutil.virtual_memory().available),
        check_disk("disk: project", project),
        *([check_storage(params.storage.root, project)] if params else []),
        check_home(Path.home()),
        check_ray_folder(ray_temp_dir()),
        check_shared_memory(Path("/dev/shm")),  # noqa: S108  # the place itself, no temporary file
        *(check_port(port, use) for port, use in PORTS.items()),
        check_ray_token(os.environ, Path.home()),
        check_ray_auth_mode(os.environ),
        check_wandb(os.environ),
        check_container_engine(),
        check_gpu(),
        check_cluster_file(project / "cluster" / "cluster.yaml"),
        finding,
    ]


def show(findings: list[Finding]) -> None:
    """All findings as a table, then the remedy of each that is not ok."""
    rows = [[escape(finding.name), _SIGN[finding.status], escape(finding.detail)] for finding in findings]
    table = console.table("firelib doctor", ["check", "status", "finding"], rows)
    for column in table.columns:
        column.justify = "left"  # words, no figures
    console.out.print(table)
    wrong = [finding for finding in findings if finding.status != "ok"]
    for finding in wrong:
        console.out.print(f"{_SIGN[finding.status]} {escape(finding.name)}: {escape(str(finding.remedy))}")
    if not wrong:
        console.out.print("nothing to do")


def check_params(project: Path) -> tuple[Params | None, Finding]:
    """params.yaml, with all its errors."""
    try:
        params = load_params(project / "params.yaml")
    except FirelibError as error:
        detail, _, remedy = str(error).partition("\n  remedy: ")
        return None, Finding("params.yaml", "error", detail, remedy or "see docs/parameters.md")
    return params, Finding("params.yaml", "ok", f"valid; recipe {params.recipe}")


def check_cluster_file(path: Path) -> Finding:
    """The file of `ray up` and Ansible, with all its errors."""
    if not path.is_file():
        return Finding(path.name, "ok", "none (only a cluster of your own needs one)")
    try:
        file = read_cluster_file(path)
    except FirelibError as error:
        detail, _, remedy = str(error).partition("\n  remedy: ")
        return Finding(path.name, "error", detail, remedy or "see docs/cluster.md")
    return Finding(path.name, "ok", f"valid; a head and {len(file.provider.worker_ips)} workers")


def check_python(project: Path) -> Finding:
    """This Python against the project's requires-python."""
    have, wanted = platform.python_version(), _requires_python(project)
    try:
        fits = SpecifierSet(wanted).contains(have, prereleases=True)
    except InvalidSpecifier:
        return Finding("Python", "warning", f"requires-python is {wanted!r}", "correct it in pyproject.toml")
    if fits:
        return Finding("Python", "ok", f"{have} ({wanted})")
    return Finding("Python", "error", f"{have} does not fit {wanted}", f"uv venv --python '{wanted}' && uv sync")


def _requires_python(project: Path) -> str:
    table = _toml(project / "pyproject.toml").get("project", {})
    if "requires-python" in table:
        return str(table["requires-python"])
    try:
        return metadata.metadata("firelib")["Requires-Python"]
    except (metadata.PackageNotFoundError, KeyError):
        return ""


def _toml(path: Path) -> dict[str, Any]:
    """A TOML file; one that is missing or broken is empty."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def check_packages(project: Path) -> Iterator[Finding]:
    """Installed packages against uv.lock, Ray apart: all hosts of a cluster need the same one."""
    locked = _locked(project)
    if not locked:
        yield Finding(
            "packages", "warning", f"{project / 'uv.lock'} is missing or unreadable", "run from the project's root"
        )
    yield _check_ray(locked.pop("ray", frozenset()))
    pairs = {name: (versions, _installed(name)) for name, versions in locked.items()}
    skewed = [
        f"{name} {have} (locked: {', '.join(sorted(versions))})"
        for name, (versions, have) in sorted(pairs.items())
        if have and have not in versions
    ]
    if skewed:
        yield Finding("packages", "warning", "; ".join(skewed), "uv sync (or make setup) installs what uv.lock says")
    elif locked:
        count = sum(have is not None for _, have in pairs.values())
        yield Finding("packages", "ok", f"{count} installed ones are as in uv.lock")


def _check_ray(locked: frozenset[str]) -> Finding:
    have = _installed("ray")
    if have is None:
        return Finding("Ray", "error", "not installed", "uv sync (or make setup)")
    if locked and have not in locked:
        wanted = ", ".join(sorted(locked))
        return Finding("Ray", "error", f"{have}, but uv.lock says {wanted}", "uv sync, on every host of the cluster")
    return Finding("Ray", "ok", have)


def _locked(project: Path) -> dict[str, frozenset[str]]:
    """Package → versions in uv.lock (several where Python's version decides)."""
    versions = defaultdict(set)
    for package in _toml(project / "uv.lock").get("package", []):
        if "version" in package and "registry" in package.get("source", {"registry": ""}):
            versions[str(package["name"])].add(str(package["version"]))
    return {name: frozenset(found) for name, found in versions.items()}


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_clusters(environ: Mapping[str, str]) -> Iterator[Finding]:
    """The Ray that the environment names: whether it answers, and with which version."""
    for variable in ("RAY_ADDRESS", "FIRELIB_RAY_ADDRESS"):
        address = environ.get(variable)
        if address and address != "local":
            yield _check_cluster(f"{variable}={address}", address, environ)


def _check_cluster(name: str, address: str, environ: Mapping[str, str]) -> Finding:
    have = _installed("ray")
    try:
        version = cluster_version(address, ray_token(environ, Path.home()))
    except OSError as error:
        remedy = "check the address and the token; is the cluster up, and the port open to this host?"
        return Finding(name, "error", f"no answer: {error}", remedy)
    if version != have:
        return Finding(name, "error", f"runs Ray {version}, here is {have}", "install the same lock on all hosts")
    return Finding(name, "ok", f"answers with Ray {version}")


def check_memory(available: int) -> Finding:
    """Free memory, in bytes."""
    return _enough("memory", available, 4, "close what uses it, or lower train.workers; two workers take about 4 GiB")


def check_disk(name: str, folder: Path) -> Finding:
    """Free space where a folder lies, or will lie."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return _enough(name, shutil.disk_usage(there).free, 5, f"free space on the disk of {there}")


def check_storage(root: str, project: Path) -> Finding:
    """Free space under storage.root, where it is on this machine."""
    if not storage.is_local(root):
        return Finding("disk: storage.root", "ok", f"{root} is remote")
    return check_disk("disk: storage.root", project / storage.absolute(root))


def check_home(home: Path) -> Finding:
    """Whether settings, caches and Ray's token can be kept."""
    name = "home folder"
    if is_private_folder(str(home)):
        remedy = "set HOME to a folder that stays (docker run -e HOME=...): what lies in a temporary one may be removed"
        return Finding(name, "warning", f"none: firelib uses {home}", remedy)
    if not is_writable(str(home)):
        remedy = "set HOME to a writable folder; until then firelib keeps caches below the temporary folder"
        return Finding(name, "warning", f"{home} is not writable", remedy)
    return Finding(name, "ok", str(home))


def check_ray_folder(folder: str) -> Finding:
    """Whether Ray can keep its sessions where it does by default."""
    name, remedy = "Ray's sessions", "set RAY_TMPDIR=/tmp, or TMPDIR to a writable folder with a short path"
    if not fits_sockets(folder):
        return Finding(name, "warning", f"{folder} is too long for sockets: firelib uses a short folder", remedy)
    if not is_writable(folder):
        return Finding(name, "warning", f"{folder} is not writable: firelib uses another folder", remedy)
    return Finding(name, "ok", folder)


def check_shared_memory(folder: Path) -> Finding:
    """Space for Ray's object store."""
    remedy = "docker run --shm-size=4g (or mount -o remount,size=4g /dev/shm); Ray uses slow files in /tmp without it"
    free = free_shared_memory(folder)
    if free is None:
        return Finding("shared memory", "warning", f"there is no {folder}", remedy)
    status: Status = "ok" if free >= _GIB else "warning"
    return Finding("shared memory", status, f"{free / _GIB:.1f} GiB free in {folder}", None if free >= _GIB else remedy)


def _enough(name: str, free: int, wanted_gib: float, remedy: str) -> Finding:
    status: Status = "ok" if free >= wanted_gib * _GIB else "warning" if free >= _GIB else "error"
    detail = f"{free / _GIB:.1f} GiB free"
    return Finding(name, status, detail, None) if status == "ok" else Finding(name, status, detail, remedy)


def check_port(port: int, use: str) -> Finding:
    """Whether a port of loopback can be bound; only a head of a cluster on this host needs it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            remedy = f"if this host is to be a head ({use}): stop what listens there (an old Ray: ray stop)"
            return Finding(f"port {port}", "warning", f"taken: {error.strerror}", remedy)
    return Finding(f"port {port}", "ok", f"free ({use})")


def check_ray_token(environ: Mapping[str, str], home: Path) -> Finding:
    """Ray's token: there where a cluster needs it, and readable by its owner only."""
    name, path = "Ray token", token_file(environ, home)
    if environ.get("RAY_AUTH_TOKEN"):
        return Finding(name, "ok", "in RAY_AUTH_TOKEN (not shown)")
    if not path.exists():
        if _cluster_named(environ) or environ.get("RAY_AUTH_MODE") == "token":
            remedy = f"copy the head's token file to {path}, mode 600 (ansible/setup.yml does so)"
            return Finding(name, "error", f"there is no {path}", remedy)
        return Finding(name, "ok", "none yet: the first local Ray makes one")
    if not ray_token(environ, home):
        return Finding(name, "error", f"{path} is empty or cannot be read", "ray get-auth-token --generate")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding(name, "warning", f"{path} has mode {mode:o}: others can read it", f"chmod 600 {path}")
    return Finding(name, "ok", f"{path}, mode {mode:o}")


def _cluster_named(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("RAY_ADDRESS") or environ.get("FIRELIB_RAY_ADDRESS"))


def check_ray_auth_mode(environ: Mapping[str, str]) -> Finding:
    """Whether Ray asks for the token."""
    name, mode = "RAY_AUTH_MODE", environ.get("RAY_AUTH_MODE")
    remedy = "RAY_AUTH_MODE=token on every node and client"
    if mode == "token":
        return Finding(name, "ok", "token")
    if mode:
        return Finding(name, "warning", f"{mode}: who reaches the dashboard can run code here", remedy)
    if environ.get("FIRELIB_RAY_ADDRESS"):
        return Finding(name, "warning", "unset, but a cluster is named: a job without a token is refused", remedy)
    return Finding(name, "ok", "unset: firelib and local Ray use the token by themselves")


def check_wandb(environ: Mapping[str, str]) -> Finding:
    """Where the figures of a training run go."""
    if environ.get("FIRELIB_TRACKING") == "none":
        return Finding("W&B", "ok", "off (FIRELIB_TRACKING=none)")
    if environ.get("WANDB_MODE"):
        return Finding("W&B", "ok", f"WANDB_MODE={environ['WANDB_MODE']}")
    if environ.get("WANDB_API_KEY"):
        return Finding("W&B", "ok", "online: WANDB_API_KEY is set (not shown)")
    return Finding("W&B", "ok", "offline: no WANDB_API_KEY (wandb sync sends the runs later)")


def check_container_engine() -> Finding:
    """Docker or podman, and whether its daemon answers."""
    engines = [engine for engine in ("docker", "podman") if shutil.which(engine)]
    if not engines:
        return Finding("container engine", "ok", "none (only images and `--to docker` need one)")
    answers = {engine: _run(engine, "version", "--format", "{{.Server.Version}}") for engine in engines}
    for engine, (fine, answer) in answers.items():
        if fine:
            return Finding("container engine", "ok", f"{engine} {answer}")
    detail = "; ".join(f"{engine}: {answer}" for engine, (_, answer) in answers.items())
    remedy = "start its daemon (systemctl start docker), or point DOCKER_HOST at one that runs"
    return Finding("container engine", "warning", detail, remedy)


def check_gpu() -> Finding:
    """NVIDIA's GPUs and driver."""
    if not shutil.which("nvidia-smi"):
        return Finding("GPU", "ok", "none")
    fine, answer = _run("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
    if fine:
        return Finding("GPU", "ok", answer.replace("\n", "; "))
    return Finding("GPU", "warning", answer, "load or reinstall NVIDIA's driver (nvidia-smi must list the GPU)")


def _run(*command: str) -> tuple[bool, str]:
    """Whether a command ends well in time, and what it says."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return False, f"no answer in {_SECONDS:g} s"
    except OSError as error:
        return False, str(error)
    said = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip()
    return done.returncode == 0 and bool(said), said or f"exit code {done.returncode}"
