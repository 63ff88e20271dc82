"""Machines and environments: clusters, hosts, what Ansible did, the Python environment."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.config.yaml_file import read_yaml_mapping
from firelib.errors import FirelibError
from firelib.ray_setup.cluster_file import ClusterFile, read_cluster_file
from firelib.report.content import Block, Facts, Missing, Table
from firelib.report.project import HASH_DIGITS, ReportedProject

#: What the Makefile's cluster targets let Ansible write, relative to the project.
ANSIBLE_LOG = Path(".firelib", "ansible.log")

_PREFIX = re.compile(r"^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d+ p=\d+ u=\S+ n=\S+(?: \w+)? ?\|? ?")
_RECAP = re.compile(r"(?P<host>\S+)\s+: ok=(\d+)\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)\s+skipped=(\d+)")
_PLATFORM = re.compile(r"(?P<system>\w+)-(?P<version>\d+(\.\d+)*).*-(?P<machine>x86_64|aarch64|arm64)")
_MOST_LOG_BYTES = 8 << 20
_MOST_RECAPS = 30


def clusters(project: ReportedProject) -> Iterator[Block]:
    """The clusters that cluster/*.yaml declares."""
    files = sorted((project.folder / "cluster").glob("*.yaml"))
    if not files:
        yield Missing("no cluster file: cluster/ holds no .yaml", "docs/cluster.md shows one")
        return
    rows = [_describe_cluster(file) for file in files]
    columns = ["file", "cluster", "machines from", "hosts", "machine type", "Python"]
    yield Table("Cluster files", columns, rows)


def _describe_cluster(file: Path) -> list[str]:
    try:
        cluster = read_cluster_file(file)
    except FirelibError as error:
        return [file.name, "–", _name_foreign_provider(file) or error.headline, "–", "–", "–"]
    return [file.name, cluster.cluster_name, *_describe_hosts(cluster)]


def _name_foreign_provider(file: Path) -> str | None:
    """What a file says that only Ray reads, such as one for its autoscaler on Google Cloud; None if it is none."""
    try:
        kind = read_yaml_mapping(file, if_missing="", if_no_mapping="")["provider"]["type"]
    except (FirelibError, TypeError, KeyError):
        return None
    return f"Ray's own provider {kind!r}" if isinstance(kind, str) and kind != "local" else None


def _describe_hosts(cluster: ClusterFile) -> list[str]:
    provider, hosts = cluster.provider, cluster.hosts
    count = str(1 + len(provider.worker_ips))
    if hosts.gcp:
        gpus = f" + {hosts.gcp.gpus.count} {hosts.gcp.gpus.type}" if hosts.gcp.gpus else ""
        spot = ", spot" if hosts.gcp.spot else ""
        return ["Google Cloud", count, f"{hosts.gcp.machine_type}{gpus}{spot}", hosts.python]
    kind = "local VMs (QEMU)" if hosts.qemu else "your own, over SSH"
    return [kind, count, "–", hosts.python]


def ansible_runs(project: ReportedProject) -> Iterator[Block]:
    """What Ansible did to the hosts, from its log."""
    log = project.folder / ANSIBLE_LOG
    if not log.is_file():
        yield Missing(
            f"no record of Ansible: {ANSIBLE_LOG} does not exist, no playbook ran from this project",
            "make cluster-setup CLUSTER=cluster/cluster.yaml",
        )
        return
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _MOST_LOG_BYTES))
        text = file.read().decode(errors="replace")
    rows = list(read_recaps(text))[-_MOST_RECAPS:]
    if not rows:
        yield Missing(f"{ANSIBLE_LOG} holds no finished playbook", "make cluster-setup")
        return
    columns = ["ended", "host", "ok", "changed", "unreachable", "failed", "skipped"]
    yield Table("Playbooks, by host", columns, rows)


def read_recaps(text: str) -> Iterator[list[str]]:
    """The result of each playbook for each host.

    Args:
        text: Ansible's log, in the format of `ANSIBLE_LOG_PATH`.

    Yields:
        Time, host, and numbers of tasks: ok, changed, unreachable, failed, skipped.
    """
    time = "–"
    for line in text.splitlines():
        prefix = _PREFIX.match(line)
        time = prefix["time"] if prefix else time
        recap = _RECAP.search(line[prefix.end() :] if prefix else line)
        if recap:
            yield [time, recap["host"], *recap.groups()[1:]]


def environment(project: ReportedProject) -> Iterator[Block]:
    """The Python environment in which the model was trained, and the lock of this project."""
    lock = project.folder / "uv.lock"
    lineage = project.lineage
    now = storage.sha256_file(lock) if lock.is_file() else None
    if lineage is None:
        yield Facts({"uv.lock (SHA-256)": now and now[:HASH_DIGITS]})
        yield Missing("no lineage: the model's environment is not known", project.run_command)
        return
    then = lineage.get("lock_sha256")
    host: dict[str, Any] = lineage.get("host") or {}
    yield Facts(
        {
            "platform": host.get("platform") and _shorten_platform(str(host["platform"])),
            "Python": host.get("python"),
            "uv.lock at the training (SHA-256)": then and str(then)[:HASH_DIGITS],
            "uv.lock now": "the same" if then and then == now else now and now[:HASH_DIGITS],
        }
    )
    packages = [[name, str(version or "–")] for name, version in (lineage.get("packages") or {}).items()]
    yield Table("Packages at the training", ["package", "version"], packages)


def _shorten_platform(platform: str) -> str:
    """A platform without the names that its kernel's builder gave it."""
    match = _PLATFORM.match(platform)
    return f"{match['system']} {match['version']}, {match['machine']}" if match else platform
