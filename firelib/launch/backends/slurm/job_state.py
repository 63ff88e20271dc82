"""The status of a job: from its files in the shared folder if it has recorded its exit code, else from Slurm."""

from collections.abc import Mapping
from pathlib import Path

from firelib.launch.backend import JobStatus

#: Marker file in a job's folder: the job was cancelled by its user.
CANCELLED = "cancelled"
#: File in a job's folder: the stage's exit code, written once the job will not start again.
EXIT_CODE = "exit_code"

_QUEUED = frozenset({"PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
_RUNNING = frozenset(
    {"CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING", "STAGE_OUT"}
)
_STOPPED = 75  # the same command resumes it

# Ends that the stage does not see coming → explanation.
_ENDS = {
    "BOOT_FAIL": "a node did not start; submit the job again",
    "DEADLINE": "Slurm's deadline for the job was reached",
    "LAUNCH_FAILED": "Slurm could not start the job on its nodes",
    "NODE_FAIL": "a node went down; --restarts lets Slurm start the job again",
    "OUT_OF_MEMORY": "out of memory: raise --memory-gib",
    "PREEMPTED": "preempted by a job of higher priority; --restarts lets Slurm start the job again",
    "TIMEOUT": "the time limit was reached before the checkpoint was saved: raise --set time= or --set grace=",
}
_FORGOTTEN = "Slurm no longer knows the job, which has not recorded an exit code (killed, or its node went down)"


def read_ended_status(folder: Path) -> JobStatus | None:
    """Return the status of a job that has recorded its exit code, else None.

    Args:
        folder: Folder of the job.
    """
    try:
        text = (folder / EXIT_CODE).read_text().strip()
    except FileNotFoundError:
        return None
    if not text.isdecimal():  # the disk was full: Slurm knows the code
        return None
    code = int(text)
    if code and (folder / CANCELLED).exists():
        return JobStatus("cancelled", code, "cancelled")
    return JobStatus("failed" if code else "succeeded", code, f"exit code {code}")


def parse_slurm_state(job: Mapping[str, str] | None, is_cancelled: bool) -> JobStatus:
    """Return the status that Slurm reports for a job without a recorded exit code.

    Args:
        job: Fields of `scontrol show job`, or of the accounting; None if Slurm has forgotten the job.
        is_cancelled: Whether its user has cancelled the job.
    """
    if job is None:
        return JobStatus("cancelled", None, "cancelled") if is_cancelled else JobStatus("failed", None, _FORGOTTEN)
    state, reason = job.get("JobState", ""), job.get("Reason", "None")
    if state in _QUEUED:
        return JobStatus("queued", message=f"Slurm's reason: {reason}" if reason != "None" else "")
    if state in _RUNNING:
        return JobStatus("running")
    code = _parse_exit_code(job.get("ExitCode", ""))
    if is_cancelled or state == "CANCELLED":
        return JobStatus("cancelled", code or None, "cancelled")
    if state == "COMPLETED":
        return JobStatus("succeeded", 0, "exit code 0")
    if state == "FAILED" and code:
        return JobStatus("failed", code, f"exit code {code}")
    resumable = state in ("PREEMPTED", "NODE_FAIL", "TIMEOUT")
    return JobStatus("failed", _STOPPED if resumable else code or None, _ENDS.get(state, f"Slurm's state: {state}"))


def _parse_exit_code(text: str) -> int:
    """Parse `CODE:SIGNAL`; a signal counts as 128 plus its number, as in a shell. Anything else is 0."""
    code, _, signal = text.partition(":")
    if signal.isdecimal() and int(signal):
        return 128 + int(signal)
    return int(code) if code.isdecimal() else 0
