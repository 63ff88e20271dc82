"""Containers of one job: started one by one, removed all at once."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firelib.launch.backends.docker.cli import docker


def start(container: Mapping[str, Any], network: str, secrets: Mapping[str, Path]) -> None:
    """Start one container.

    Args:
        container: As in the backend's request: `name`, `image`, `command`, `env`, `mounts`, `labels`, and `limits`,
            which are any further options of `docker run`.
        network: That it joins.
        secrets: Name → file that it sees below /run/secrets.

    Raises:
        FirelibError: Docker refuses.
    """
    docker(*_words(container, network, secrets))


def _words(container: Mapping[str, Any], network: str, secrets: Mapping[str, Path]) -> list[str]:
    """`docker run …` for one container."""
    words = ["run", "--detach", "--name", container["name"], "--hostname", container["name"], "--network", network]
    words += ["--user", f"{os.getuid()}:{os.getgid()}"]
    for name, value in container["limits"].items():
        words += [f"--{name}", value]
    for name, value in container["env"].items():
        words += ["--env", f"{name}={value}"]
    for name, value in container["labels"].items():
        words += ["--label", f"{name}={value}"]
    for source, target in container["mounts"].items():
        Path(source).mkdir(parents=True, exist_ok=True)
        words += ["--volume", f"{source}:{target}"]
    for name, path in secrets.items():
        words += ["--volume", f"{path}:/run/secrets/{name}:ro"]
    return [*words, container["image"], *container["command"]]


def sweep(job_id: str) -> None:
    """Remove all of a job, by its label."""
    names = docker("ps", "--all", "--quiet", "--filter", f"label=firelib.job={job_id}").split()
    if names:
        docker("rm", "--force", "--volumes", *names)
    networks = docker("network", "ls", "--quiet", "--filter", f"label=firelib.job={job_id}").split()
    if networks:
        docker("network", "rm", *networks)
