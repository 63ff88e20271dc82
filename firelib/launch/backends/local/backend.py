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

from firelib.launch.backend import JobStatus
from firelib.launch.job_environment import stage_variables
from firelib.launch.job_record import JobRecord, record_folder
from firelib.launch.job_spec import JobSpec

SETTINGS: Mapping[str, str] = {}

_POLL_SECONDS = 0.2
_CANCELLED = "cancelled"
_CODE = "exit_code"


def problems(spec: JobSpec) -> list[str]:
    """What this machine cannot do."""
    found = []
    if spec.image is not None:
        found.append(f"image: nothing is started in containers here (--to docker does), got {spec.image!r}")
    if spec.replicas.count != 1:
        found.append(f"replicas.count: one process is started here (--to docker has more), got {spec.replicas.count}")
    if spec.replicas.restarts:
        found.append(f"replicas.restarts: nothing is started again here, got {spec.replicas.restarts}")
    if spec.resources.machine is not None:
        found.append(f"resources.machine: this machine is the one there is, got {spec.resources.machine!r}")
    for name, reference in spec.secrets.items():
        if not reference.startswith(("env:", "file:")):
            found.append(f"secrets.{name}: should be env:NAME or file:PATH here")
    return found


def request(spec: JobSpec) -> Mapping[str, Any]:
    """The process that would be started."""
    return {"command": shlex.join(spec.command), "folder": spec.project, "env": stage_variables(spec)}


def submit(spec: JobSpec) -> Mapping[str, str]:
    """Start it in a session of its own; it goes on when the caller ends."""
    folder = record_folder(Path(spec.project), spec.job_id)
    folder.mkdir(parents=True)
    with (folder / "log").open("wb") as log:
        keeper = subprocess.Popen(  # noqa: S603  # our own module; the stage was checked
            [sys.executable, "-m", "firelib.launch.backends.local.supervisor", str(folder), *spec.command[1:]],
            cwd=spec.project,
            env={**os.environ, **stage_variables(spec)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return {"folder": str(folder), "pid": str(keeper.pid), "started": str(psutil.Process(keeper.pid).create_time())}


def status(record: JobRecord) -> JobStatus:
    """From the exit code that the keeper leaves; without one, whether it lives."""
    folder = Path(record.handle["folder"])
    keeper = _keeper(record)
    if (folder / _CODE).is_file():
        code = int((folder / _CODE).read_text())
        if (folder / _CANCELLED).exists() and code:
            return JobStatus("cancelled", code, "cancelled")
        return JobStatus("succeeded" if code == 0 else "failed", code, f"exit code {code}")
    if keeper is not None:
        return JobStatus("running")
    return JobStatus("failed", None, "its process is gone without a word: this machine was restarted, or it was killed")


def _keeper(record: JobRecord) -> psutil.Process | None:
    with suppress(psutil.Error):
        process = psutil.Process(int(record.handle["pid"]))
        same = abs(process.create_time() - float(record.handle["started"])) < 1
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def logs(record: JobRecord, follow: bool) -> Iterator[str]:
    """The log file; with `follow` as it grows."""
    with Path(record.handle["folder"], "log").open(encoding="utf-8", errors="replace") as log:
        while True:
            over = status(record).is_over  # asked first: what is read after it is all there is
            while chunk := log.read(1 << 16):
                yield chunk
            if over or not follow:
                return
            time.sleep(_POLL_SECONDS)


def cancel(record: JobRecord) -> None:
    """SIGTERM to the stage, through its keeper."""
    keeper = _keeper(record)
    if keeper is not None:
        Path(record.handle["folder"], _CANCELLED).touch()
        keeper.send_signal(signal.SIGTERM)
