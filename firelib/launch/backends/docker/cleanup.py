"""Release what a finished job in containers occupies: keep its logs, remove its secrets and containers."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.launch.backend import JobStatus
from firelib.launch.backends.docker.command import inspect_containers, read_container_log
from firelib.launch.backends.docker.containers import remove_job
from firelib.launch.job_record import JobRecord

#: Marker file in a job's folder: a replica is down on purpose and will be restarted.
KILLING = "killing"
#: Marker file in a job's folder: the job was cancelled.
CANCELLED = "cancelled"

_FINAL_STATUS = "ended.json"
_LOCK = "release.lock"
_PEERS_SECONDS = 30.0


def read_final_status(folder: Path) -> JobStatus | None:
    """Return the final status of a job that has been cleaned up, else None."""
    file = folder / _FINAL_STATUS
    return JobStatus(**storage.read_json(str(file))) if file.is_file() else None


def read_saved_log(folder: Path) -> str | None:
    """Return the log of replica 0 of a job that has been cleaned up, else None."""
    file = folder / "log"
    return file.read_text(encoding="utf-8") if read_final_status(folder) and file.is_file() else None


def read_container_status(containers: Sequence[dict[str, Any]], folder: Path) -> JobStatus:
    """Return the status of a job whose containers still exist.

    Args:
        containers: Output of `docker inspect`, ordered by replica. Replica 0 decides.
        folder: Folder of the job, with its marker files.
    """
    state = containers[0]["State"]
    if state["Status"] == "created":
        return JobStatus("queued")
    if state["Status"] != "exited" or (folder / KILLING).exists():
        return JobStatus("running")
    code = int(state["ExitCode"])
    if (folder / CANCELLED).exists() and code:
        return JobStatus("cancelled", code, "cancelled")
    if state.get("OOMKilled"):
        return JobStatus("failed", code, "out of memory: raise --memory-gib")
    return JobStatus("failed" if code else "succeeded", code, f"exit code {code}")


def release(record: JobRecord) -> None:
    """Keep the logs and the status of a finished job; remove its secrets, containers and network.

    Nothing happens to a job that runs. A release that was interrupted is completed by the next one, and of two
    processes that release the same job, the second one waits.
    """
    folder = Path(record.handle["folder"])
    with _lock(folder):
        containers = inspect_containers(record.job_id)
        if containers and read_final_status(folder) is None:
            status = read_container_status(containers, folder)
            if not status.is_over:
                return
            _keep_results(record.job_id, containers, status, folder)
        shutil.rmtree(folder / "secrets", ignore_errors=True)
        remove_job(record.job_id)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as file:
        storage.lock_file(file)  # without locks, two clients may both do the same
        yield


def _keep_results(job_id: str, containers: Sequence[dict[str, Any]], status: JobStatus, folder: Path) -> None:
    _wait_for_peers(job_id)
    for index, container in enumerate(containers):
        text = "".join(read_container_log(container["Name"].lstrip("/"), follow=False))
        storage.write_bytes(str(folder / (f"log.{index}" if index else "log")), text.encode())
    final = {"state": status.state, "exit_code": status.exit_code, "message": status.message}
    storage.write_bytes(str(folder / _FINAL_STATUS), storage.to_json(final))


def _wait_for_peers(job_id: str) -> None:
    """Wait for the other replicas, which exit a moment after replica 0."""
    deadline = time.monotonic() + _PEERS_SECONDS
    while any(each["State"]["Running"] for each in inspect_containers(job_id)) and time.monotonic() < deadline:
        time.sleep(0.5)
