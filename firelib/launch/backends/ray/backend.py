"""Backend `ray`: the stage as a job of an existing Ray cluster; its driver runs on the head."""

import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from firelib.cluster.ssh import ssh_command
from firelib.cluster.tunnel import SCHEME, make_absolute
from firelib.launch.backend import Backend, JobStatus, Shell, State
from firelib.launch.backends.ray.client import connect, follow_log, translate_errors
from firelib.launch.backends.ray.code_package import package_code
from firelib.launch.backends.ray.job_start import start_job
from firelib.launch.backends.ray.target import RayTarget
from firelib.launch.job_environment import shared_root, stage_variables
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec
from firelib.launch.plan import Plan, PlanRequest
from firelib.launch.transfer.code_selection import excludes
from firelib.ray_setup.cluster_file import read_cluster_file

# Ray sends SIGKILL this long after SIGTERM; its default of 3 s is too short to save a checkpoint.
_STOP_SECONDS = 60
_STATES: Mapping[str, State] = {
    "PENDING": "queued",
    "RUNNING": "running",
    "SUCCEEDED": "succeeded",
    "FAILED": "failed",
    "STOPPED": "cancelled",
}


class RayBackend(Backend):
    """Jobs of a Ray cluster, through the job API of its dashboard."""

    name = "ray"
    target_type = RayTarget
    secret_schemes = ("file",)  # Ray shows the variables of a job to everyone who can see the dashboard
    sends_code = True
    returns_outputs = True

    def find_problems(self, spec: JobSpec) -> Iterator[str]:
        """Yield what an existing cluster cannot provide."""
        if spec.image is not None:
            yield f"image: firelib is installed on the cluster's hosts, no image is started; got {spec.image!r}"
        if spec.replicas.count != 1:
            yield f"replicas.count: expected 1 (train.workers sets the number of workers), got {spec.replicas.count}"
        if spec.replicas.restarts:
            yield f"replicas.restarts: expected 0, since training restarts lost workers, got {spec.replicas.restarts}"
        if spec.resources.machine is not None:
            yield f"resources.machine: the cluster's hosts already exist, got {spec.resources.machine!r}"
        if spec.storage_root is not None and shared_root(spec.storage_root) is None:
            yield (
                f"storage_root: {spec.storage_root!r} is a folder of this machine; name one that all hosts see: "
                "FIRELIB_STORAGE_ROOT=/shared/… or gs://…"
            )

    def plan(self, request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:
        """Return the plan: the machines of cluster/cluster.yaml, if it exists."""
        from firelib.launch.backends.ray.plan import plan_cluster

        return plan_cluster(request, project, environ)

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return the arguments of Ray's job API. `submit` sends the working directory as one archive."""
        target = RayTarget.parse(spec.target)
        wrapper = ("on-shared-storage",) if target.shared_project else ()
        return {
            "address": make_absolute(target.address),
            "entrypoint": shlex.join((*wrapper, "firelib", "in-job", *spec.command[1:])),
            "submission_id": spec.job_id,
            "metadata": dict(spec.labels),
            "entrypoint_num_cpus": 0,
            "runtime_env": {
                "working_dir": spec.project,
                "excludes": list(excludes(spec.stage)),
                "env_vars": {**stage_variables(spec), "RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_SECONDS)},
            },
        }

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Upload the code and start the job.

        Raises:
            FirelibError: The code is too large, or the head refuses.
        """
        request = dict(self.request(spec))
        address, environment = request.pop("address"), dict(request.pop("runtime_env"))
        del environment["excludes"]  # the archive leaves them out
        client = connect(address)
        with package_code(spec) as archive:
            start_job(client, address, **request, runtime_env={**environment, "working_dir": archive})
        return {"address": address, "submission_id": spec.job_id}

    def status(self, record: JobRecord) -> JobStatus:
        """Return the job's state, with the exit code of its stage."""
        address, job = record.handle["address"], record.handle["submission_id"]
        client = connect(address)
        with translate_errors(address):
            info = client.get_job_info(job)
        code = info.driver_exit_code
        if code is not None and code < 0:  # a signal; shells report 128 + its number
            code = 128 - code
        message = (info.message or "").partition("\n")[0].strip()
        return JobStatus(_STATES[str(info.status.value)], code, message, _measure(info.start_time, info.end_time))

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:
        """Yield the output of the driver."""
        address, job = record.handle["address"], record.handle["submission_id"]
        client = connect(address)
        if follow:
            yield from follow_log(client, job, address)
            return
        with translate_errors(address):
            yield client.get_job_logs(job)

    def cancel(self, record: JobRecord) -> None:
        """Ask Ray to stop the driver."""
        address = record.handle["address"]
        client = connect(address)
        with translate_errors(address):
            client.stop_job(record.handle["submission_id"])

    def shell(self, record: JobRecord) -> Shell:
        """Return ssh to the head, where the driver runs; the user's own ssh, if only the dashboard's URL is known."""
        address = record.handle["address"]
        if address.startswith(SCHEME):
            file = read_cluster_file(Path(address.removeprefix(SCHEME)))
            return Shell(tuple(ssh_command(file, file.provider.head_ip)))
        return Shell(("ssh", str(urlsplit(address).hostname)), is_direct=False)

    def fetch_outputs(self, record: JobRecord) -> list[str]:
        """Copy the outputs through the job API, since only the dashboard may be reachable from here."""
        from firelib.launch.backends.ray.output_download import download_outputs

        return download_outputs(record)


def _measure(started: int | None, ended: int | None) -> float | None:
    """Seconds between two times in milliseconds since the epoch; until now for a job that has not ended."""
    return ((ended or time.time() * 1000) - started) / 1000 if started else None
