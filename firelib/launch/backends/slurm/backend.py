"""Backend `slurm`: replicas as tasks of a batch job, in the project's folder, which the nodes share."""

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import Backend, JobStatus, LostConnectionError, Shell
from firelib.launch.backends.slurm.client import NO_SLURM, find_accounted_job, run_slurm, show_job
from firelib.launch.backends.slurm.job_state import CANCELLED, parse_slurm_state, read_ended_status
from firelib.launch.backends.slurm.log_reader import read_log
from firelib.launch.backends.slurm.script import build_script, job_folder, time_limit
from firelib.launch.backends.slurm.target import SlurmTarget
from firelib.launch.backends.slurm.time_limit import parse_seconds
from firelib.launch.job_environment import read_secrets
from firelib.launch.job_record import JobRecord
from firelib.launch.job_spec import JobSpec
from firelib.launch.plan import Plan, PlanRequest, format_count

# How often a command that follows a job asks the controller, which serves a whole cluster. Files are read more often.
_ASK_SECONDS = 15.0
# sbatch has no escape for these in a path.
_NO_PATH = re.compile(r"[%\\'\"\n]")


class SlurmBackend(Backend):
    """Jobs of a Slurm cluster, submitted on one of its login nodes."""

    name = "slurm"
    target_type = SlurmTarget
    secret_schemes = ("env", "file")
    mounts_storage_root = True

    def find_problems(self, spec: JobSpec) -> Iterator[str]:
        """Yield what Slurm cannot provide."""
        if spec.resources.machine is not None:
            yield f"resources.machine: the nodes exist already (--set constraint=…), got {spec.resources.machine!r}"
        if spec.replicas.provisioning != "on-demand":
            yield f"replicas.provisioning: a partition or QOS decides, got {spec.replicas.provisioning!r}"
        if spec.queue_seconds is not None:
            yield f"queue_seconds: Slurm has no limit for the time in the queue, got {spec.queue_seconds}"
        target = SlurmTarget.parse_with_problems(spec.target)[0]
        limit = target.time or time_limit(spec)
        if limit and target.grace >= parse_seconds(limit):
            yield f"target.grace: expected less than the time limit {limit}, got {target.grace} s"
        if _NO_PATH.search(spec.project):
            yield f"project: expected a path without % \\ and quotes, which sbatch interprets, got {spec.project!r}"

    def plan(self, request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG002
        """Return the plan: nodes of the cluster."""
        missing = [] if shutil.which("sbatch") else [f"sbatch: {NO_SLURM}"]
        return Plan(self.name, f"{format_count(request.replicas.count, 'node')} of the cluster", missing=missing)

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return the command and the lines of the batch script."""
        file = str(_script(spec))
        return {"command": ["sbatch", "--parsable", file], "file": file, "script": build_script(spec).splitlines()}

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Write the script and the secrets into the job's folder, and queue the script.

        Raises:
            FirelibError: Slurm refuses the job or does not exist here, or a secret is missing.
        """
        secrets, folder = read_secrets(spec.secrets), job_folder(spec)
        folder.mkdir(parents=True, mode=0o700)
        try:
            for name, value in secrets.items():
                _write_private(folder / "secrets" / name, value)
            _write_private(_script(spec), build_script(spec))
            answer = run_slurm("sbatch", "--parsable", str(_script(spec)))
        except BaseException as error:
            if isinstance(error, LostConnectionError) or not isinstance(error, FirelibError):
                with suppress(FirelibError):  # Slurm may have accepted the job; no other one has its name
                    run_slurm("scancel", f"--name={spec.job_id}")
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return {"slurm_id": answer.strip().partition(";")[0], "folder": str(folder)}

    def status(self, record: JobRecord) -> JobStatus:
        """Return the state that the job's files, or Slurm, report."""
        folder, slurm_id = Path(record.handle["folder"]), record.handle["slurm_id"]
        if (ended := read_ended_status(folder)) is not None:
            return ended
        job = show_job(slurm_id)
        # The job may have ended in between.
        return read_ended_status(folder) or parse_slurm_state(
            job or find_accounted_job(slurm_id), (folder / CANCELLED).exists()
        )

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:
        """Yield the output of the batch script, which has that of replica 0; the others' are beside it, as `log.1`."""
        folder, last_asked = Path(record.handle["folder"]), -_ASK_SECONDS

        def is_over() -> bool:
            nonlocal last_asked
            if read_ended_status(folder) is None and time.monotonic() - last_asked < _ASK_SECONDS:
                return False
            last_asked = time.monotonic()
            return self.status(record).is_over

        return read_log(folder / "log", is_over, follow)

    def cancel(self, record: JobRecord) -> None:
        """Remove a job from the queue; send SIGTERM to the batch script of a running one."""
        if self.status(record).is_over:
            return
        slurm_id = record.handle["slurm_id"]
        Path(record.handle["folder"], CANCELLED).touch()
        for arguments in (["--state=PENDING"], ["--state=RUNNING", "--batch", "--signal=TERM"]):
            try:
                run_slurm("scancel", *arguments, slurm_id)
            except LostConnectionError:
                raise
            except FirelibError:  # it has ended in between
                continue
        with suppress(LostConnectionError):  # of a job that waited, no script removes the secrets
            self.advance(record)

    def shell(self, record: JobRecord) -> Shell:
        """Return `srun` on the first node of the running job, next to replica 0."""
        return Shell(("srun", f"--jobid={record.handle['slurm_id']}", "--overlap", "--ntasks=1", "--pty", "/bin/bash"))

    def advance(self, record: JobRecord) -> JobRecord:
        """Remove the secrets of a job that has ended without doing so, as after the loss of its node."""
        secrets = Path(record.handle["folder"], "secrets")
        if secrets.exists() and self.status(record).is_over:
            shutil.rmtree(secrets, ignore_errors=True)
        return record


def _script(spec: JobSpec) -> Path:
    return job_folder(spec) / "job.sh"


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
