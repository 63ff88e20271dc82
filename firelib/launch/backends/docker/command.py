"""The `docker` command line client, with errors that name a remedy."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from firelib.errors import FirelibError


def docker(*arguments: str) -> str:
    """Run a docker command and return its standard output.

    Args:
        arguments: Subcommand and options, such as `"network", "ls"`.

    Raises:
        FirelibError: Docker is not installed, its daemon does not answer, or the command failed.
    """
    program = shutil.which("docker")
    if program is None:
        raise FirelibError("docker is not installed", where="PATH", remedy="apt-get install docker.io")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)  # noqa: S603  no shell
    if done.returncode:
        raise FirelibError(
            done.stderr.strip() or f"exit code {done.returncode}",
            where=f"docker {arguments[0]}",
            remedy="start the daemon (DOCKER_HOST names another one); build missing images: make images",
        )
    return done.stdout


def inspect_containers(job_id: str) -> list[dict[str, Any]]:
    """Return the output of `docker inspect` for a job's containers, ordered by replica."""
    ids = docker("ps", "--all", "--quiet", "--filter", f"label=firelib.job={job_id}").split()
    containers: list[dict[str, Any]] = json.loads(docker("inspect", *ids)) if ids else []
    return sorted(containers, key=lambda container: int(container["Config"]["Labels"]["firelib.replica"]))


def read_container_log(container: str, follow: bool) -> Iterator[str]:
    """Yield the lines that a container has written to both streams.

    Args:
        container: Its name or id.
        follow: Also yield new lines until the container stops.
    """
    command = ["docker", "logs", *(["--follow"] if follow else []), container]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:  # noqa: S603  no shell
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield line.decode(errors="replace")
        finally:
            process.terminate()
