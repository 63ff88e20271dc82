"""Backend `docker`: N containers on a private network of this machine, with the variables that Vertex AI sets."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import Backend, JobStatus, Shell
from firelib.launch.backends.docker.cleanup import (
    CANCELLED,
    read_container_status,
    read_final_status,
    read_saved_log,
    release,
)
from firelib.launch.backends.docker.command import docker, inspect_containers, read_container_log
from firelib.launch.backends.docker.containers import remove_job, start_container
from firelib.launch.backends.docker.image_checks import find_local_image_problems
from firelib.launch.backends.docker.request import build_containers
from firelib.launch.backends.docker.target import DockerTarget, ReplicaKill
from firelib.launch.job_environment import IMAGE_DIGEST, read_secrets
from firelib.launch.job_record import JobRecord, record_folder
from firelib.launch.job_spec import JobSpec, refuse
from firelib.launch.plan import Plan, PlanRequest, format_count


class DockerBackend(Backend):
    """Containers of this machine."""

    name = "docker"
    target_type = DockerTarget
    secret_schemes = ("env", "file")
    mounts_storage_root = True
    runs_components = True

    def find_problems(self, spec: JobSpec) -> Iterator[str]:
        """Yield what containers of this machine cannot provide."""
        if spec.resources.machine is not None:
            yield f"resources.machine: the containers run on this machine, got {spec.resources.machine!r}"
        if spec.replicas.provisioning != "on-demand":
            yield "replicas.provisioning: nothing is rented; --kill-replica 1@60s simulates the loss of a spot machine"
        kill = DockerTarget.parse_with_problems(spec.target)[0].kill_replica
        if kill is not None and kill.replica >= spec.replicas.count:
            given = spec.target["kill_replica"]
            yield f"target.kill_replica: expected a replica below {spec.replicas.count}, got {given!r}"

    def preflight(self, spec: JobSpec) -> Iterator[str]:
        """Yield what Docker says against the image."""
        yield from find_local_image_problems(build_containers(spec)[0]["image"], spec)

    def plan(self, request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG002
        """Return the plan: containers of this machine."""
        missing = [] if shutil.which("docker") else ["Docker: apt-get install docker.io"]
        return Plan(self.name, f"{format_count(request.replicas.count, 'container')} on this machine", missing=missing)

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return the network and the containers."""
        return {"network": spec.job_id, "containers": build_containers(spec)}

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Start the containers; if one does not start, remove all.

        Raises:
            FirelibError: Docker does not answer or refuses, or a secret is missing.
        """
        refuse(self.preflight(spec), where=f"job {spec.job_id} for docker")
        folder = record_folder(Path(spec.project), spec.job_id)
        containers = build_containers(spec)
        digest = docker("image", "inspect", "--format", "{{.Id}}", containers[0]["image"]).strip()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            secrets = _write_secrets(spec, folder)
            docker("network", "create", "--label", f"firelib.job={spec.job_id}", spec.job_id)
            for container in containers:
                container["env"].setdefault(IMAGE_DIGEST, digest)
                start_container(container, spec.job_id, secrets)
            kill = DockerTarget.parse(spec.target).kill_replica
            if kill is not None:
                _schedule_kill(kill, spec.job_id, folder)
        except BaseException:
            shutil.rmtree(folder / "secrets", ignore_errors=True)
            with suppress(FirelibError):  # the first error is more telling
                remove_job(spec.job_id)
            raise
        return {"folder": str(folder), "driver": containers[0]["name"]}

    def status(self, record: JobRecord) -> JobStatus:
        """Return the state of replica 0."""
        folder = Path(record.handle["folder"])
        if (final := read_final_status(folder)) is not None:
            return final
        containers = inspect_containers(record.job_id)
        if not containers:
            return JobStatus(
                "failed", None, "the containers no longer exist: something other than firelib removed them"
            )
        return read_container_status(containers, folder)

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:
        """Yield the output of replica 0."""
        saved = read_saved_log(Path(record.handle["folder"]))
        if saved is not None:
            yield saved
        else:
            yield from read_container_log(record.handle["driver"], follow)

    def cancel(self, record: JobRecord) -> None:
        """Send SIGTERM to replica 0, which stops the others; release what a finished job occupies."""
        containers = inspect_containers(record.job_id)
        if containers and containers[0]["State"]["Running"]:
            Path(record.handle["folder"], CANCELLED).touch()
            docker("kill", "--signal", "TERM", record.handle["driver"])
        else:
            release(record)

    def shell(self, record: JobRecord) -> Shell:
        """Return `docker exec` in the container of replica 0."""
        return Shell(("docker", "exec", "--interactive", "--tty", record.handle["driver"], "/bin/sh"))

    def advance(self, record: JobRecord) -> JobRecord:
        """Keep the logs of a finished job and remove its containers, network and secrets."""
        release(record)
        return record


def _write_secrets(spec: JobSpec, folder: Path) -> dict[str, Path]:
    """Write each secret to a file that only this user can read, so that `docker inspect` shows no value."""
    files = {}
    for name, value in read_secrets(spec.secrets).items():
        files[name] = folder / "secrets" / name
        files[name].parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files[name].touch(mode=0o600)
        files[name].write_text(value)
    return files


def _schedule_kill(kill: ReplicaKill, job_id: str, folder: Path) -> None:
    """Start a process that kills a replica after a delay and restarts it."""
    module = "firelib.launch.backends.docker.fault_injection"
    command = [sys.executable, "-m", module, f"{job_id}-{kill.replica}", str(kill.seconds), str(folder)]
    with (folder / "kill.log").open("wb") as log:
        subprocess.Popen(  # noqa: S603  # our own module
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
