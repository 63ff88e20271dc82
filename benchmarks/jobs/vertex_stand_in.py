"""Vertex AI's stand-in on this machine: the real adapter and requests; each replica is a container here."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.jobs.environment import Environment, Figures, Run, read_figures
from benchmarks.jobs.lab import FIRELIB, Lab, clear, is_installed
from benchmarks.jobs.observed_command import observe
from benchmarks.jobs.this_machine import TRAIN, find_missing_engine

_NETWORK, _SUBNET, _GATEWAY = "firelib-benchv", "172.29.93.0/24", "172.29.93.1"
_MACHINE = (
    "--machine",
    "n1-standard-8",
    "--cpus",
    "1",
)  # of the request: one worker a replica; nothing holds it to that


def vertex_stand_in() -> Environment:
    """Custom training, whose service, log and bucket are stand-ins."""
    settings = "firelib submit --to vertex; bucket and service on this machine; the log arrives every 6 s"
    return Environment("Vertex AI's stand-in", settings, _set_up, _find_obstacle)


def _find_obstacle() -> str | None:
    if not is_installed("google.cloud.aiplatform"):
        return "google.cloud.aiplatform is not installed: make vertex, or uv sync --inexact --extra vertex"
    return find_missing_engine()


@contextmanager
def _set_up(lab: Lab) -> Iterator[Run]:
    from tests.launch.container_bucket import bucket
    from tests.launch.fake_pools import fake_pools  # with Vertex AI's client

    project, image = lab.copy_project("vertex"), lab.image_by_digest
    with (
        lab.engine.network(_NETWORK, _SUBNET) as network,
        bucket(_GATEWAY) as (root, variables),
        fake_pools(network, variables) as service,
    ):
        settings = ("project=my-lab", "region=us-central1", f"endpoint={service.url}")
        target = [f"--set={setting}" for setting in settings]
        size = ("--image", image, "--replicas", str(lab.workers), *_MACHINE)

        def train() -> Figures:
            clear(project)
            command = (FIRELIB, "submit", "--to", "vertex", *size, *target, *TRAIN)
            own = {**lab.variables, "FIRELIB_STORAGE_ROOT": root}
            return read_figures(observe(command, project, own), project)

        yield train
