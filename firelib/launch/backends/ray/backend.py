"""Backend `ray`: the stage as a job of a Ray cluster that is there already; its driver runs on the head."""

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firelib.launch.backend import JobStatus, State
from firelib.launch.backends.ray.client import check_address, connect, explained, tail
from firelib.launch.job_environment import shared_root, stage_variables
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_archive import excludes, write_package

SETTINGS: Mapping[str, str] = {"address": "of Ray's dashboard, http://HOST:8265; default: FIRELIB_RAY_ADDRESS"}

# Ray kills what has not ended so long after SIGTERM; its own 3 s are too few for a checkpoint.
_STOP_SECONDS = 60
_STATES: Mapping[str, State] = {
    "PENDING": "queued",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "STOPPED": "cancelled",
}


def problems(spec: JobSpec) -> list[str]:
    """What a Ray cluster would refuse."""
    found = []
    if "address" not in spec.target:
        found.append("target.address is missing: --set address=http://HOST:8265, or FIRELIB_RAY_ADDRESS")
    elif wrong := check_address(spec.target["address"]):
        found.append(wrong)
    if spec.image is not None:
        found.append(f"image: the cluster's hosts hold firelib, no image is started; got {spec.image!r}")
    if spec.replicas.count != 1:
        found.append(f"replicas.count: the cluster's nodes are there (train.workers counts), got {spec.replicas.count}")
    if spec.replicas.restarts:
        found.append(f"replicas.restarts: training starts lost workers again by itself, got {spec.replicas.restarts}")
    if spec.resources.machine is not None:
        found.append(f"resources.machine: the cluster's hosts are there already, got {spec.resources.machine!r}")
    if spec.storage_root is not None and shared_root(spec.storage_root) is None:
        found.append(
            f"storage_root: {spec.storage_root!r} is a folder of this machine; give one that all hosts see: "
            "FIRELIB_STORAGE_ROOT=/shared/… or gs://…"
        )
    for name, reference in spec.secrets.items():
        if not reference.startswith("file:"):
            found.append(f"secrets.{name}: Ray shows a job's variables; name a file on the hosts (mode 600): file:PATH")
    return found


def request(spec: JobSpec) -> Mapping[str, Any]:
    """What Ray's job API is asked for; the working directory becomes one archive."""
    return {
        "address": spec.target["address"],
        "entrypoint": shlex.join(("firelib", "in-job", *spec.command[1:])),
        "submission_id": spec.job_id,
        "metadata": dict(spec.labels),
        "entrypoint_num_cpus": 0,
        "runtime_env": {
            "working_dir": spec.project,
            "excludes": list(excludes(spec.stage)),
            "env_vars": {**stage_variables(spec), "RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_SECONDS)},
        },
    }


def submit(spec: JobSpec) -> Mapping[str, str]:
    """Ship the code and start the job.

    Raises:
        FirelibError: The code is too large, or the head refuses.
    """
    asked = dict(request(spec))
    address, environment = asked.pop("address"), dict(asked.pop("runtime_env"))
    del environment["excludes"]  # the archive is made without them
    client = connect(address)
    with packed(spec) as archive, explained(address):
        client.submit_job(**asked, runtime_env={**environment, "working_dir": archive})
    return {"address": address, "submission_id": spec.job_id}


@contextmanager
def packed(spec: JobSpec) -> Iterator[str]:
    """The archive that a job needs, for the time of the block."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "code.zip")
        write_package(Path(spec.project), spec.stage, archive)
        yield str(archive)


def status(record: JobRecord) -> JobStatus:
    """How the job stands, with the exit code of its stage."""
    address, name = record.handle["address"], record.handle["submission_id"]
    client = connect(address)
    with explained(address):
        info = client.get_job_info(name)
    state = _STATES[str(info.status.value)]
    code = info.driver_exit_code
    if code is not None and code < 0:  # a signal: as a shell says it
        code = 128 - code
    return JobStatus(state, code, (info.message or "").partition("\n")[0].strip())


def logs(record: JobRecord, follow: bool) -> Iterator[str]:
    """What the driver has written; with `follow` as it comes."""
    address, name = record.handle["address"], record.handle["submission_id"]
    client = connect(address)
    if follow:
        yield from tail(client, name, address)
        return
    with explained(address):
        yield client.get_job_logs(name)


def cancel(record: JobRecord) -> None:
    """Ask the driver to end: training saves a checkpoint first."""
    address = record.handle["address"]
    client = connect(address)
    with explained(address):
        client.stop_job(record.handle["submission_id"])
