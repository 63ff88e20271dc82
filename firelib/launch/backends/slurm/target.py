"""Settings of backend `slurm`."""

import re
import shlex
from typing import Annotated

from pydantic import BeforeValidator, Field

from firelib.launch.backends.slurm.time_limit import TIME_LIMIT
from firelib.launch.target import Target, setting

_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.,-]*$"
_OPTION = re.compile(r"--([a-z][a-z0-9-]*)(=[^\n\\%'\"]+)?")

# Options of sbatch that firelib sets → what to give instead.
_OWN_OPTIONS = {
    "account": "--set account=",
    "array": "--replicas",
    "chdir": "the project's folder",
    "comment": "--label",
    "constraint": "--set constraint=",
    "cpus-per-task": "--cpus",
    "error": "firelib logs",
    "export": "--env",
    "gpus": "--gpu",
    "gpus-per-node": "--gpu",
    "gpus-per-task": "--gpu",
    "gres": "--gpu",
    "hold": "nothing",
    "job-name": "nothing",
    "mem": "--memory-gib",
    "mem-per-cpu": "--memory-gib",
    "mem-per-gpu": "--memory-gib",
    "no-requeue": "--restarts 0",
    "nodes": "--replicas and --set tasks_per_node=",
    "ntasks": "--replicas",
    "ntasks-per-node": "--set tasks_per_node=",
    "open-mode": "nothing",
    "output": "firelib logs",
    "parsable": "nothing",
    "partition": "--set partition=",
    "qos": "--set qos=",
    "requeue": "--restarts",
    "signal": "--set grace=",
    "time": "--set time=",
    "wait": "nothing (firelib submit waits)",
    "wrap": "the command after --",
}


def _split_options(text: str) -> tuple[str, ...]:
    """Split and check options of sbatch.

    Raises:
        ValueError: An option has another form, or firelib sets it; all of them are named.
    """
    try:
        options = tuple(shlex.split(text))
    except ValueError as error:
        raise ValueError(f"expected options of sbatch, such as '--reservation=NAME --exclusive': {error}") from None
    problems = [problem for option in options if (problem := _find_problem(option))]
    if problems:
        raise ValueError("; ".join(problems))
    return options


def _find_problem(option: str) -> str | None:
    match = _OPTION.fullmatch(option)
    if match is None:
        return f"expected --NAME or --NAME=VALUE without quotes, % and \\ in it, got {option!r}"
    if match[1] in _OWN_OPTIONS:
        return f"firelib sets --{match[1]} itself; give {_OWN_OPTIONS[match[1]]}"
    return None


class SlurmTarget(Target):
    """Settings of `--to slurm`. Defaults of sbatch's own variables count, such as SBATCH_PARTITION."""

    partition: str | None = setting(
        "partition, or several: the first that can start the job",
        example="gpu,long",
        pattern=_NAME,
        variable="SBATCH_PARTITION",
    )
    account: str | None = setting(
        "account that the job is charged to", example="ACCOUNT", pattern=_NAME, variable="SBATCH_ACCOUNT"
    )
    qos: str | None = setting("quality of service", example="NAME", pattern=_NAME, variable="SBATCH_QOS")
    constraint: str | None = setting(
        "features that the nodes must have",
        example="a100&nvlink",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.,&|*()\[\]:-]*$",
        variable="SBATCH_CONSTRAINT",
    )
    time: str | None = setting(
        "time limit of one start; default: --timeout, else that of the partition",
        example="MINUTES, HH:MM:SS or DAYS-HH[:MM[:SS]]",
        pattern=TIME_LIMIT,
        variable="SBATCH_TIMELIMIT",
    )
    grace: Annotated[int, Field(ge=1, le=65535)] = setting(
        "seconds before the time limit at which training saves a checkpoint", example="120 (1 to 65535)", default=120
    )
    tasks_per_node: Annotated[int, Field(ge=1)] = setting("replicas on each node", example="1", default=1)
    scratch: str = setting(
        "folder on the nodes for Ray's files, with a short path",
        example="/tmp",  # noqa: S108  a folder on the nodes; the job creates a private one in it
        default="/tmp",  # noqa: S108
        pattern=r"^/[A-Za-z0-9._/-]{0,30}$",
    )
    setup: str | None = setting(
        "shell file that each replica reads first, such as one with `module load cuda`",
        example="/FOLDER/FILE.sh",
        pattern=r"^/[^\n'\\]+$",
    )
    options: Annotated[tuple[str, ...], BeforeValidator(_split_options)] = setting(
        "further options of sbatch", example="--reservation=NAME --mail-type=END", default=()
    )
