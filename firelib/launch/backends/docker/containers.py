"""Start the containers of a job one by one, and remove them together."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firelib.launch.backends.docker.command import docker


def start_container(container: Mapping[str, Any], network: str, secrets: Mapping[str, Path]) -> None:
    """Start one container in the background.

    Args:
        container: An entry of `containers` in the backend's request: `name`, `image`, `command`, `env`, `mounts`,
            `labels`, and `limits`, which holds any further options of `docker run`.
        network: Name of the network to join.
        secrets: Name → file on this machine, mounted as /run/secrets/NAME.

    Raises:
        FirelibError: Docker refused.
    """
    for source in container["mounts"]:
        Path(source).mkdir(parents=True, exist_ok=True)  # Docker would create it as root
    docker(*_run_arguments(container, network, secrets))


def _run_arguments(container: Mapping[str, Any], network: str, secrets: Mapping[str, Path]) -> list[str]:
    """Return the arguments of `docker run`."""
    arguments = ["run", "--detach", "--name", container["name"], "--hostname", container["name"], "--network", network]
    arguments += ["--user", f"{os.getuid()}:{os.getgid()}"]
    for name, value in container["limits"].items():
        arguments += [f"--{name}", value]
    for name, value in container["env"].items():
        arguments += ["--env", f"{name}={value}"]
    for name, value in container["labels"].items():
        arguments += ["--label", f"{name}={value}"]
    for source, target in container["mounts"].items():
        arguments += ["--volume", f"{source}:{target}"]
    for name, path in secrets.items():
        arguments += ["--volume", f"{path}:/run/secrets/{name}:ro"]
    return [*arguments, container["image"], *container["command"]]


def remove_job(job_id: str) -> None:
    """Remove all containers and networks that carry a job's label."""
    containers = docker("ps", "--all", "--quiet", "--filter", f"label=firelib.job={job_id}").split()
    if containers:
        docker("rm", "--force", "--volumes", *containers)
    networks = docker("network", "ls", "--quiet", "--filter", f"label=firelib.job={job_id}").split()
    if networks:
        docker("network", "rm", *networks)
