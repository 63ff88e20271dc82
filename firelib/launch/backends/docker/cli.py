"""The `docker` command, with errors that people can act on."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from firelib.errors import FirelibError


def docker(*words: str) -> str:
    """Run a docker command and give what it prints.

    Raises:
        FirelibError: There is no Docker, it does not answer, or the command fails.
    """
    program = shutil.which("docker")
    if program is None:
        raise FirelibError("there is no docker here", where="PATH", remedy="apt-get install docker.io")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)  # noqa: S603  no shell
    if done.returncode:
        raise FirelibError(
            done.stderr.strip() or f"exit code {done.returncode}",
            where=f"docker {words[0]}",
            remedy="is the daemon up (DOCKER_HOST), and the image built (make images)?",
        )
    return done.stdout


def containers(job_id: str) -> list[dict[str, Any]]:
    """What Docker says of a job's containers, by the number of their replica."""
    names = docker("ps", "--all", "--quiet", "--filter", f"label=firelib.job={job_id}").split()
    found: list[dict[str, Any]] = json.loads(docker("inspect", *names)) if names else []
    return sorted(found, key=lambda container: int(container["Config"]["Labels"]["firelib.replica"]))


def container_log(name: str, follow: bool) -> Iterator[str]:
    """What a container has written, both streams."""
    words = ["docker", "logs", *(["--follow"] if follow else []), name]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield line.decode(errors="replace")
        finally:
            process.terminate()
