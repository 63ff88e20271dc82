"""The end of a job in containers: its logs are kept, its secrets and containers removed."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.launch.backend import JobStatus
from firelib.launch.backends.docker.cli import container_log, containers, docker
from firelib.launch.job_record import JobRecord

KILLING = "killing"
_PEERS_SECONDS = 30.0


def ended(folder: Path) -> JobStatus | None:
    """How a job ended, if it was seen to."""
    file = folder / "ended.json"
    return JobStatus(**storage.read_json(str(file))) if file.is_file() else None


def saved_log(folder: Path) -> str | None:
    """What replica 0 wrote, of a job that is over."""
    file = folder / "log"
    return file.read_text(encoding="utf-8") if ended(folder) and file.is_file() else None


def is_being_killed(folder: Path) -> bool:
    """Whether a replica is down on purpose and comes again."""
    return (folder / KILLING).exists()


def harvest(record: JobRecord, found: Sequence[dict[str, Any]]) -> JobStatus:
    """Keep what a finished job leaves and remove the rest.

    Args:
        record: The job; its replica 0 has ended.
        found: What Docker says of its containers.
    """
    folder = Path(record.handle["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    _await_peers(record.job_id)
    for index, container in enumerate(found):
        text = "".join(container_log(container["Name"].lstrip("/"), follow=False))
        storage.write_bytes(str(folder / (f"log.{index}" if index else "log")), text.encode())
    status = _status(found[0]["State"], (folder / "cancelled").exists())
    storage.write_bytes(
        str(folder / "ended.json"),
        storage.to_json({"state": status.state, "exit_code": status.exit_code, "message": status.message}),
    )
    shutil.rmtree(folder / "secrets", ignore_errors=True)
    docker("rm", "--force", "--volumes", *(container["Id"] for container in found))
    docker("network", "rm", record.job_id)
    return status


def _await_peers(job_id: str) -> None:
    """The others end by themselves, a moment after replica 0."""
    deadline = time.monotonic() + _PEERS_SECONDS
    while any(each["State"]["Running"] for each in containers(job_id)) and time.monotonic() < deadline:
        time.sleep(0.5)


def _status(state: dict[str, Any], cancelled: bool) -> JobStatus:
    code = int(state["ExitCode"])
    if cancelled and code:
        return JobStatus("cancelled", code, "cancelled")
    if state.get("OOMKilled"):
        return JobStatus("failed", code, "out of memory: give more (--memory-gib)")
    return JobStatus("failed" if code else "succeeded", code, f"exit code {code}")
