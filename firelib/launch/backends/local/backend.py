"""Backend `local`: the stage as a process of this machine that outlives the command that started it."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from firelib.errors import STOPPED_FILE
from firelib.launch.backend import Backend, JobStatus, Shell
from firelib.launch.job_environment import STAGE_JOBS, stage_variables
from firelib.launch.job_record import JobRecord, record_folder
from firelib.launch.job_spec import JobSpec
from firelib.launch.plan import Plan, PlanRequest
from firelib.parent_watch import RUN_PROCESS

_SUPERVISOR = "firelib.launch.backends.local.supervisor"
_POLL_SECONDS = 0.2
_CANCELLED = "cancelled"
_OF_A_RUN = (RUN_PROCESS, STOPPED_FILE, STAGE_JOBS)
_EXIT_CODE = "exit_code"


class LocalBackend(Backend):
    """Processes of this machine."""

    name = "local"
    secret_schemes = ("env", "file")

    def find_problems(self, spec: JobSpec) -> Iterator[str]:
        """Yield what a single process of this machine cannot provide."""
        if spec.image is not None:
            yield f"image: backend local starts no containers (use --to docker), got {spec.image!r}"
        if spec.replicas.count != 1:
            yield f"replicas.count: expected 1 (--to docker can start more), got {spec.replicas.count}"
        if spec.replicas.restarts:
            yield f"replicas.restarts: expected 0, since nothing restarts the process, got {spec.replicas.restarts}"
        if spec.resources.machine is not None:
            yield f"resources.machine: the job runs on this machine, got {spec.resources.machine!r}"

    def plan(self, request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG002
        """Return the plan: this machine."""
        return Plan(self.name, "this machine")

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return the process to start."""
        return {"command": shlex.join(spec.command), "folder": spec.project, "env": stage_variables(spec)}

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Start the process in its own session, so that it survives the end of the caller's."""
        folder = record_folder(Path(spec.project), spec.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log").open("wb") as log:
            supervisor = subprocess.Popen(  # noqa: S603  # our own module; JobSpec has validated the stage
                [sys.executable, "-m", _SUPERVISOR, str(folder), *spec.command[1:]],
                cwd=spec.project,
                env=_job_environment() | stage_variables(spec),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started = psutil.Process(supervisor.pid).create_time()
        return {"folder": str(folder), "pid": str(supervisor.pid), "started": str(started)}

    def status(self, record: JobRecord) -> JobStatus:
        """Return the state that the supervisor's exit code, or its existence, implies."""
        folder = Path(record.handle["folder"])
        # The process is looked up first: one that ends in between has written its exit code by then.
        supervisor = _find_supervisor(record)
        if (folder / _EXIT_CODE).is_file():
            code = int((folder / _EXIT_CODE).read_text())
            if (folder / _CANCELLED).exists() and code:
                return JobStatus("cancelled", code, "cancelled")
            return JobStatus("succeeded" if code == 0 else "failed", code, f"exit code {code}")
        if supervisor is not None:
            return JobStatus("running")
        reason = "the job process exited without recording an exit code (killed, or the machine restarted)"
        return JobStatus("failed", None, reason)

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:
        """Yield the log file's text; with `follow`, also what is appended until the job is over."""
        with Path(record.handle["folder"], "log").open(encoding="utf-8", errors="replace") as log:
            while True:
                over = self.status(record).is_over  # before reading: a job that is over writes no more
                while chunk := log.read(1 << 16):
                    yield chunk
                if over or not follow:
                    return
                time.sleep(_POLL_SECONDS)

    def shell(self, record: JobRecord) -> Shell:
        """Return a shell in the project, since the job is a process of this machine."""
        return Shell(("env", "-C", record.spec.project, os.environ.get("SHELL") or "/bin/sh"))

    def cancel(self, record: JobRecord) -> None:
        """Send SIGTERM to the supervisor, which forwards it to the stage."""
        supervisor = _find_supervisor(record)
        if supervisor is not None:
            Path(record.handle["folder"], _CANCELLED).touch()
            supervisor.send_signal(signal.SIGTERM)


def _job_environment() -> dict[str, str]:
    """The variables of this process, without those that tie a stage to the `firelib run` that started it."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_RUN}


def _find_supervisor(record: JobRecord) -> psutil.Process | None:
    """Return the job's supervisor if it runs; another process with a recycled pid does not count."""
    with suppress(psutil.Error):
        process = psutil.Process(int(record.handle["pid"]))
        is_same = abs(process.create_time() - float(record.handle["started"])) < 1
        if is_same and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None
