"""Backend `docker`: N containers on a private network of this machine, in the environment that Vertex AI would give."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.launch.backend import JobStatus
from firelib.launch.backends.docker.cleanup import ended, harvest, is_being_killed, saved_log
from firelib.launch.backends.docker.cli import container_log, containers, docker
from firelib.launch.backends.docker.containers import start, sweep
from firelib.launch.backends.vertex.environment import vertex_variables
from firelib.launch.job_environment import IMAGE_DIGEST, SECRETS, read_secrets, stage_variables
from firelib.launch.job_record import JobRecord, record_folder
from firelib.launch.job_spec import JobSpec

SETTINGS: Mapping[str, str] = {"kill_replica": "INDEX@SECONDSs: kill a replica once, as a lost machine is"}

#: Where the storage root is mounted in the containers.
ROOT = "/firelib/storage"
_IMAGES = {"extract": "firelib-extract", "transform": "firelib-transform"}
_KILL = re.compile(r"(\d+)@(\d+)s?")


def problems(spec: JobSpec) -> list[str]:
    """What containers of this machine cannot do."""
    found = []
    if spec.resources.machine is not None:
        found.append(f"resources.machine: containers run on this machine, got {spec.resources.machine!r}")
    if spec.replicas.provisioning != "on-demand":
        found.append("replicas.provisioning: nothing is rented here; --kill-replica 1@60s plays a lost spot machine")
    kill = spec.target.get("kill_replica")
    if kill is not None and (not _KILL.fullmatch(kill) or _killed(kill)[0] >= spec.replicas.count):
        found.append(f"target.kill_replica: should be INDEX@SECONDSs of one of {spec.replicas.count}, got {kill!r}")
    for name, reference in spec.secrets.items():
        if not reference.startswith(("env:", "file:")):
            found.append(f"secrets.{name}: should be env:NAME or file:PATH of this machine")
    return found


def _killed(word: str) -> tuple[int, int]:
    form = _KILL.fullmatch(word)
    assert form is not None, "checked before"
    return int(form[1]), int(form[2])


def request(spec: JobSpec) -> Mapping[str, Any]:
    """The network and the containers."""
    return {"network": spec.job_id, "containers": [_container(spec, index) for index in range(spec.replicas.count)]}


def _container(spec: JobSpec, index: int) -> dict[str, Any]:
    """What one container is started with."""
    root = spec.storage_root or str(Path(spec.project, "storage"))
    inside = ROOT if storage.is_local(root) else root
    hosts = [f"{spec.job_id}-{each}" for each in range(spec.replicas.count)]
    mounts = {spec.project: "/project", **({root: ROOT} if storage.is_local(root) else {})}
    variables = {**stage_variables(spec), "FIRELIB_STORAGE_ROOT": inside}
    if spec.secrets:
        variables[SECRETS] = json.dumps({name: f"file:/run/secrets/{name}" for name in sorted(spec.secrets)})
    if spec.resources.cpus:
        variables["FIRELIB_NUM_CPUS"] = str(max(1, int(spec.resources.cpus)))
    output = f"{inside}/jobs/{spec.job_id}/output"
    return {
        "name": hosts[index],
        "image": spec.image or _IMAGES.get(spec.stage, "firelib-trainer"),
        "command": list(spec.command),
        "env": {**variables, **vertex_variables(spec.job_id, hosts, index, output)},
        "mounts": mounts,
        "labels": {**spec.labels, "firelib.job": spec.job_id, "firelib.replica": str(index)},
        "limits": _limits(spec),
    }


def _limits(spec: JobSpec) -> dict[str, str]:
    """Options of `docker run`."""
    limits = {"shm-size": "1g"}
    if spec.resources.cpus:
        limits["cpus"] = f"{spec.resources.cpus:g}"
    if spec.resources.memory_gib:
        limits["memory"] = f"{int(spec.resources.memory_gib * 1024)}m"
    if spec.resources.gpu:
        limits["gpus"] = str(spec.resources.gpu.count)
    if spec.replicas.restarts:
        limits["restart"] = f"on-failure:{spec.replicas.restarts}"
    return limits


def submit(spec: JobSpec) -> Mapping[str, str]:
    """Start the containers; if one does not start, none is left.

    Raises:
        FirelibError: Docker does not answer or refuses, or a secret is missing.
    """
    folder = record_folder(Path(spec.project), spec.job_id)
    asked = request(spec)
    digest = docker("image", "inspect", "--format", "{{.Id}}", asked["containers"][0]["image"]).strip()
    folder.mkdir(parents=True, exist_ok=True)
    secrets = _private_files(spec, folder)
    try:
        docker("network", "create", "--label", f"firelib.job={spec.job_id}", asked["network"])
        for container in asked["containers"]:
            container["env"].setdefault(IMAGE_DIGEST, digest)
            start(container, asked["network"], secrets)
    except BaseException:
        sweep(spec.job_id)
        raise
    if "kill_replica" in spec.target:
        _arrange_loss(spec, folder)
    return {"folder": str(folder), "driver": asked["containers"][0]["name"]}


def _private_files(spec: JobSpec, folder: Path) -> dict[str, Path]:
    """Each secret in a file that only this user reads; what Docker shows of a container has no value in it."""
    files = {}
    for name, value in read_secrets(spec.secrets).items():
        files[name] = folder / "secrets" / name
        files[name].parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files[name].touch(mode=0o600)
        files[name].write_text(value)
    return files


def _arrange_loss(spec: JobSpec, folder: Path) -> None:
    """A process that kills a replica after a while and starts it again, as a platform does with a lost machine."""
    index, seconds = _killed(spec.target["kill_replica"])
    drill = [sys.executable, "-m", "firelib.launch.backends.docker.fault_injection"]
    words = [*drill, f"{spec.job_id}-{index}", str(seconds), str(folder)]
    with (folder / "kill.log").open("wb") as log:
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)  # noqa: S603


def status(record: JobRecord) -> JobStatus:
    """How replica 0 stands; once it is over, logs are kept and the containers removed."""
    folder = Path(record.handle["folder"])
    if (before := ended(folder)) is not None:
        return before
    found = containers(record.job_id)
    if not found:
        return JobStatus("failed", None, "its containers are gone: removed by hand, or Docker's data was")
    state = found[0]["State"]
    if state["Status"] == "created":
        return JobStatus("queued")
    if state["Status"] != "exited" or is_being_killed(folder):
        return JobStatus("running")
    return harvest(record, found)


def logs(record: JobRecord, follow: bool) -> Iterator[str]:
    """What replica 0 has written."""
    kept = saved_log(Path(record.handle["folder"]))
    if kept is not None:
        yield kept
    else:
        yield from container_log(record.handle["driver"], follow)


def cancel(record: JobRecord) -> None:
    """SIGTERM to replica 0, which ends the others."""
    found = containers(record.job_id)
    if found and found[0]["State"]["Running"]:
        Path(record.handle["folder"], "cancelled").touch()
        docker("kill", "--signal", "TERM", record.handle["driver"])
