"""Slurm's own commands, with errors that name a remedy."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping

from firelib.errors import FirelibError
from firelib.launch.backend import LostConnectionError

# The controller is down, restarts, or is overloaded. The same command may succeed later.
_UNREACHABLE = re.compile(
    r"unable to contact slurm controller|socket timed out|connection refused|communication connection failure"
    r"|zero bytes were transmitted|slurm_persist_conn|resource temporarily unavailable|controller not responding",
    re.IGNORECASE,
)
_UNKNOWN_JOB = "Invalid job id"
_FIELD = re.compile(r"(?:^|\s)([A-Za-z][A-Za-z:/]*)=(\S*)")
_SECONDS = 60.0

#: What to do where there is no Slurm.
NO_SLURM = (
    "run firelib on a login node of the cluster, in a folder that its nodes share; "
    "if Slurm is installed elsewhere, add its folder to PATH"
)


def run_slurm(program: str, *arguments: str) -> str:
    """Run one of Slurm's commands and return its standard output.

    Args:
        program: Such as `sbatch`.
        arguments: Its arguments.

    Raises:
        LostConnectionError: The controller does not answer.
        FirelibError: The command does not exist, or Slurm has refused it.
    """
    path = shutil.which(program)
    if path is None:
        raise FirelibError(f"{program} does not exist on this machine", where="PATH", remedy=NO_SLURM)
    # Defaults such as SBATCH_EXPORT would take precedence over the options in the script.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SBATCH_")}
    try:
        done = subprocess.run(  # noqa: S603  no shell
            [path, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise LostConnectionError(
            f"{program} has not ended within {_SECONDS:g} s", where="Slurm", remedy="run sinfo"
        ) from None
    if done.returncode:
        kind = LostConnectionError if _UNREACHABLE.search(done.stderr) else FirelibError
        raise kind(
            done.stderr.strip() or f"exit code {done.returncode}",
            where=" ".join([program, *arguments[:1]]),
            remedy="run sinfo to see the partitions and their limits, and firelib submit --dry-run to see the request",
        )
    return done.stdout


def show_job(slurm_id: str) -> Mapping[str, str] | None:
    """Return what Slurm knows about a job; None if it has forgotten it, minutes after its end.

    Args:
        slurm_id: Slurm's number of the job.

    Raises:
        LostConnectionError: The controller does not answer.
    """
    try:
        text = run_slurm("scontrol", "show", "job", "--oneliner", slurm_id)
    except LostConnectionError:
        raise
    except FirelibError as error:
        if _UNKNOWN_JOB in error.what:
            return None
        raise
    return parse_fields(text)


def parse_fields(text: str) -> dict[str, str]:
    """Parse a line of `scontrol show job --oneliner`: `JobId=7 JobState=RUNNING …`; the first of equal names counts."""
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(text):
        fields.setdefault(name, value)
    return fields


def find_accounted_job(slurm_id: str) -> Mapping[str, str] | None:
    """Return the state and exit code of a job in Slurm's accounting; None where none is configured.

    Args:
        slurm_id: Slurm's number of the job.
    """
    try:
        text = run_slurm(
            "sacct", "--noheader", "--allocations", "--parsable2", "--jobs", slurm_id, "--format=State,ExitCode"
        )
    except FirelibError:  # sacct is an optional part of Slurm
        return None
    lines = text.split("\n")
    state, separator, code = lines[-2 if lines[-1] == "" else -1].partition("|") if lines[0] else ("", "", "")
    return {"JobState": state.partition(" ")[0], "ExitCode": code} if separator else None
