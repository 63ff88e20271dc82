"""A Ray cluster over SSH, set up with Ansible; its hosts are containers of this machine."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.jobs.environment import Environment, Figures, Run, read_figures
from benchmarks.jobs.lab import FIRELIB, Lab, clear, find_missing, is_installed, run
from benchmarks.jobs.observed_command import observe
from firelib.console import note
from tests.cluster.lab import Lab as Hosts
from tests.cluster.lab import lab as host_lab
from tests.engine import PROGRAMS

_FIRST_ADDRESS = 10


def ssh_cluster() -> Environment:
    """One worker on each host."""
    return Environment("Ray cluster over SSH", "firelib cluster run; hosts in containers", _set_up, _find_obstacle)


def _find_obstacle() -> str | None:
    return find_missing(PROGRAMS) if is_installed("ansible") else "Ansible is not installed: make cluster"


@contextmanager
def _set_up(lab: Lab) -> Iterator[Run]:
    project = lab.write_project("cluster")
    with host_lab(lab.engine) as hosts:
        last = range(_FIRST_ADDRESS, _FIRST_ADDRESS + lab.workers)
        head, *workers = [hosts.add_host(f"host{each}", each) for each in last]
        hosts.write_cluster(head, workers)
        note("setting the hosts up")
        hosts.play("setup.yml")
        variables = {**hosts.environment, **lab.variables}
        on = ("--cluster", str(hosts.cluster_file))
        addresses = [head, *workers]
        with _running_ray(hosts, addresses, project, variables):
            for stage in ("extract", "transform"):
                run(FIRELIB, "cluster", "run", *on, "--", "firelib", stage, folder=project, **variables)

        def train() -> Figures:
            clear(project)
            command = (FIRELIB, "cluster", "run", *on, "--", "firelib", "train", "--fresh")
            with _running_ray(hosts, addresses, project, variables):
                return read_figures(observe(command, project, variables), project)

        yield train


@contextmanager
def _running_ray(hosts: Hosts, addresses: Sequence[str], project: Path, variables: Mapping[str, str]) -> Iterator[None]:
    """Run Ray on the hosts for the duration of a block: otherwise it would take time from other environments."""
    try:
        run(FIRELIB, "cluster", "up", "--cluster", str(hosts.cluster_file), folder=project, **variables)
        yield
    finally:
        for address in addresses:
            hosts.on(address, "ray stop --force; rm -rf /tmp/ray")
