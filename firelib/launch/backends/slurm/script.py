"""The batch script of a job: options of sbatch, variables of the stage, and the fixed part. Pure: no Slurm."""

import json
import math
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from firelib import storage
from firelib.job_context import JOB_ID
from firelib.launch.backends.slurm.target import SlurmTarget
from firelib.launch.job_environment import SECRETS, stage_variables
from firelib.launch.job_record import record_folder
from firelib.launch.job_spec import JobSpec
from firelib.launch.runtime.rendezvous import rendezvous_uri

#: Kind of GPU that asks for any kind: `--gpu any:2`.
ANY_GPU = "any"

_FIXED_PART = Path(__file__).with_name("job.sh")
_BUCKET_AGAIN_SECONDS = "900"
_SPARE_SECONDS = 300  # of Slurm's time limit, for the start of the job before the stage's own time limit counts


def job_folder(spec: JobSpec) -> Path:
    """Return the folder of a job's script, logs, secrets and exit code, in the project."""
    return record_folder(Path(spec.project), spec.job_id)


def build_script(spec: JobSpec) -> str:
    """Return the batch script of a job. It holds references to secrets, but no secret."""
    options = [f"#SBATCH {_quote_option(option)}" for option in build_options(spec)]
    variables = [f"export {name}={shlex.quote(value)}" for name, value in _build_variables(spec).items()]
    own = [f"{name}={value}" for name, value in _build_own_variables(spec).items()]
    return "\n".join(["#!/bin/bash", *options, *variables, *own, _FIXED_PART.read_text(encoding="utf-8")])


def build_options(spec: JobSpec) -> list[str]:
    """Return the options of sbatch, in a fixed order; the user's own ones come last."""
    target, count = SlurmTarget.parse(spec.target), spec.replicas.count
    labels = ",".join(["firelib", *(f"{name}={value}" for name, value in sorted(spec.labels.items()))])
    options = {
        "job-name": spec.job_id,
        "comment": labels,
        "chdir": spec.project,
        "output": f"{job_folder(spec)}/log",
        "open-mode": "append",
        "export": "NONE",
        "partition": target.partition,
        "account": target.account,
        "qos": target.qos,
        "constraint": target.constraint,
        "time": target.time or time_limit(spec),
        "signal": f"B:TERM@{target.grace}",
        "nodes": str(math.ceil(count / target.tasks_per_node)),
        "ntasks": str(count),
        "ntasks-per-node": str(min(count, target.tasks_per_node)),
        "mem": _memory(spec, min(count, target.tasks_per_node)),
    }
    named = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return [
        *named,
        *_build_task_options(spec),
        "--requeue" if spec.replicas.restarts else "--no-requeue",
        *target.options,
    ]


def _build_task_options(spec: JobSpec) -> Iterator[str]:
    """Yield what each task gets. srun takes these from its own command line only, since Slurm 22.05."""
    if spec.resources.cpus:
        yield f"--cpus-per-task={math.ceil(spec.resources.cpus)}"
    gpu = spec.resources.gpu
    if gpu:
        kind = "" if gpu.kind == ANY_GPU else f"{gpu.kind}:"
        on_own_node = SlurmTarget.parse(spec.target).tasks_per_node == 1
        yield f"--gres=gpu:{kind}{gpu.count}" if on_own_node else f"--gpus-per-task={kind}{gpu.count}"


def time_limit(spec: JobSpec) -> str | None:
    """Return Slurm's time limit of a job, in minutes: its own limit and the time to save its work."""
    if spec.timeout_seconds is None:
        return None
    return str(math.ceil((spec.timeout_seconds + _SPARE_SECONDS) / 60))


def _memory(spec: JobSpec, tasks: int) -> str | None:
    return f"{math.ceil(spec.resources.memory_gib * 1024 * tasks)}M" if spec.resources.memory_gib else None


def _quote_option(option: str) -> str:
    """Quote an option as sbatch reads its script: double quotes, if white space or a comment's # is in it."""
    return f'"{option}"' if "#" in option or option.split() != [option] else option


def _build_variables(spec: JobSpec) -> dict[str, str]:
    """Return the variables of the stage, with the files of its secrets."""
    root = storage_root(spec)
    # The batch script cannot remove the exit code of the start before from a bucket: it must not end the others early.
    again = {} if storage.is_local(root) else {"FIRELIB_AGAIN_SECONDS": _BUCKET_AGAIN_SECONDS}
    variables = {**again, **stage_variables(spec), "FIRELIB_STORAGE_ROOT": root}
    if spec.secrets:
        folder = job_folder(spec) / "secrets"
        variables[SECRETS] = json.dumps({name: f"file:{folder / name}" for name in sorted(spec.secrets)})
    return variables


def storage_root(spec: JobSpec) -> str:
    """Return the storage root of a job; default: the folder `storage` of the project."""
    return storage.absolute(spec.storage_root or "storage", Path(spec.project))


def _build_own_variables(spec: JobSpec) -> dict[str, str]:
    """Return the script's own variables, as words of the shell."""
    target, root = SlurmTarget.parse(spec.target), storage_root(spec)
    rendezvous = rendezvous_uri({"FIRELIB_STORAGE_ROOT": root, JOB_ID: spec.job_id})
    step = ["srun", "--export=ALL", "--kill-on-bad-exit=0", *_build_task_options(spec)]
    return {
        "folder": shlex.quote(str(job_folder(spec))),
        "ended": shlex.quote(f"{rendezvous}/ended.json" if storage.is_local(root) else ""),
        "restarts": str(spec.replicas.restarts),
        "setup": shlex.quote(target.setup or ""),
        "scratch": shlex.quote(target.scratch),
        "step": f"({shlex.join(step)})",
        "run": f"({shlex.join(_build_command(spec))})",
    }


def _build_command(spec: JobSpec) -> list[str]:
    entry = ["-m", "firelib.launch.bootstrap", *spec.command]
    if spec.image is None:
        return [sys.executable, *entry]
    root = storage_root(spec)
    mounts = [spec.project, *([root] if storage.is_local(root) else []), SlurmTarget.parse(spec.target).scratch]
    gpus = ["--nv"] if spec.resources.gpu else []
    image = spec.image if spec.image.startswith("/") or "://" in spec.image else f"docker://{spec.image}"
    binds = [f"--bind={mount}" for mount in mounts]
    return ["apptainer", "exec", *gpus, *binds, f"--pwd={spec.project}", image, "python", *entry]
