"""Environments on this machine: a process, and containers by firelib's own backend or by Docker Compose."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from benchmarks.jobs.environment import Environment, Figures, Run, read_figures
from benchmarks.jobs.lab import FIRELIB, IMAGE, Lab, clear, find_missing, run
from benchmarks.jobs.observed_command import observe
from tests.engine import PROGRAMS
from tests.project import ROOT

TRAIN = ("--", "firelib", "train", "--fresh")
_COMPOSE = ("docker-compose", "--file", str(ROOT / "compose.yaml"))

find_missing_engine = partial(find_missing, PROGRAMS)


def local() -> Environment:
    """A process of this machine, without a container."""
    return Environment("local", "firelib submit --to local", _set_up_local)


@contextmanager
def _set_up_local(lab: Lab) -> Iterator[Run]:
    project = lab.copy_project("local")
    cpus = f"FIRELIB_NUM_CPUS={lab.workers}"

    def train() -> Figures:
        clear(project)
        command = (FIRELIB, "submit", "--to", "local", "--env", cpus, *TRAIN)
        return read_figures(observe(command, project, lab.variables), project)

    yield train


def docker() -> Environment:
    """All workers in one container."""
    return Environment("docker", "firelib submit --to docker", _set_up_docker, find_missing_engine)


def docker_replicas(count: int) -> Environment:
    """One worker in each of several containers.

    Args:
        count: Number of containers, for the name.
    """
    settings = f"firelib submit --to docker --replicas {count}"
    return Environment(f"docker × {count}", settings, _set_up_docker_replicas, find_missing_engine)


def _set_up_docker(lab: Lab) -> AbstractContextManager[Run]:
    return _set_up_containers(lab, replicas=1)


def _set_up_docker_replicas(lab: Lab) -> AbstractContextManager[Run]:
    return _set_up_containers(lab, replicas=lab.workers)


@contextmanager
def _set_up_containers(lab: Lab, replicas: int) -> Iterator[Run]:
    project = lab.copy_project(f"docker-{replicas}")
    each = f"FIRELIB_NUM_CPUS={lab.workers // replicas}"
    lab.require_engine()

    def train() -> Figures:
        clear(project)
        size = ("--replicas", str(replicas), "--image", IMAGE, "--env", each)
        command = (FIRELIB, "submit", "--to", "docker", *size, *TRAIN)
        return read_figures(observe(command, project, lab.variables), project)

    yield train


def compose() -> Environment:
    """The service `train` of compose.yaml."""
    return Environment("docker compose", "docker-compose up train", _set_up_compose, find_missing_engine)


@contextmanager
def _set_up_compose(lab: Lab) -> Iterator[Run]:
    project = lab.copy_project("compose")
    user = {"USER_ID": str(os.getuid()), "GROUP_ID": str(os.getgid()), "COMPOSE_PROJECT_NAME": "firelib-bench"}
    variables = {**lab.variables, **user, "PROJECT": str(project), "FIRELIB_NUM_CPUS": str(lab.workers)}
    lab.require_engine()

    def train() -> Figures:
        clear(project)
        up = (*_COMPOSE, "up", "--no-color", "--no-deps", "--exit-code-from", "train", "train")
        return read_figures(observe(up, project, variables), project)

    try:
        yield train
    finally:
        run(*_COMPOSE, "down", folder=project, **variables)
