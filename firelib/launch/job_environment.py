"""The environment variables of a stage that runs as a job; they are the same on every backend."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.job_context import JOB_ID
from firelib.launch.job_spec import JobSpec, Resources
from firelib.launch.machine_checks import resolve_gpu
from firelib.launch.worker_count import WORKERS, default_workers

TIMEOUT = "FIRELIB_JOB_SECONDS"
SECRETS = "FIRELIB_JOB_SECRETS"
IMAGE_DIGEST = "FIRELIB_IMAGE_DIGEST"  # recorded in the lineage
STAGE_JOBS = "FIRELIB_SUBMIT"  # file with the jobs of the stages that `firelib run` sends
EXPECTED_GPUS = "FIRELIB_EXPECTED_GPUS"  # of each replica, which refuses to run the stage with fewer
MIN_REPLICAS = "FIRELIB_MIN_REPLICAS"  # that replica 0 waits for before it starts the stage

# Stages that compute with TensorFlow.
_GPU_STAGES = ("train", "tune", "evaluate", "run")

# Settings of the caller that mean the same on another machine.
_FORWARDED = (WORKERS, "FIRELIB_TRACKING", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY")


def stage_variables(spec: JobSpec, resources: Resources | None = None) -> dict[str, str]:
    """Build the variables that a backend sets for the stage. They hold references to secrets, but no secret.

    Args:
        spec: The job.
        resources: Resources of each replica, where a backend tries others than the job's own.
    """
    resources = resources or spec.resources
    variables = {**gpu_variables(spec, resources), **spec.env}
    variables[JOB_ID] = spec.job_id
    variables["FIRELIB_RAY_ADDRESS"] = ""  # the stage runs inside the job and must not submit itself again
    if spec.storage_root:
        variables["FIRELIB_STORAGE_ROOT"] = spec.storage_root
    if spec.image and "@" in spec.image:
        variables[IMAGE_DIGEST] = spec.image.partition("@")[2]
    if spec.timeout_seconds:
        variables[TIMEOUT] = str(spec.timeout_seconds)
    if spec.replicas.minimum:
        variables[MIN_REPLICAS] = str(spec.replicas.minimum)
    if spec.secrets:
        variables[SECRETS] = json.dumps(dict(sorted(spec.secrets.items())))
    return dict(sorted(variables.items()))


def gpu_variables(spec: JobSpec, resources: Resources) -> dict[str, str]:
    """Return the number of GPUs that each replica must have, and the number of workers that use all machines.

    Args:
        spec: The job; only training uses GPUs.
        resources: Resources of each replica.
    """
    gpu, workers = resolve_gpu(resources), default_workers(spec, resources)
    return {
        **({EXPECTED_GPUS: str(gpu.count)} if gpu and spec.stage in _GPU_STAGES else {}),
        **({WORKERS: str(workers)} if workers else {}),
    }


def select_forwarded(environ: Mapping[str, str]) -> dict[str, str]:
    """Select the caller's settings that a job inherits."""
    return {name: environ[name] for name in _FORWARDED if environ.get(name)}


def shared_root(root: str | None) -> str | None:
    """Return a storage root that other hosts can reach; None for a folder inside the project."""
    if root is None or storage.is_relative(root):
        return None
    return root


def read_secrets(secrets: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Read the values of `env:` and `file:` references, where the stage runs.

    Args:
        secrets: Variable → reference.
        environ: Variables that `env:` references name.

    Returns:
        Variable → value.

    Raises:
        FirelibError: Some values are missing, or other users can read their file. The error names all of them and
            shows no value.
    """
    values, problems = {}, []
    for name, reference in secrets.items():
        kind, _, source = reference.partition(":")
        try:
            values[name] = environ[source] if kind == "env" else _read_private(Path(source).expanduser())
        except KeyError:
            problems.append(f"secrets.{name}: variable {source} is not set")
        except (OSError, UnicodeDecodeError, PermissionError) as error:
            problems.append(f"secrets.{name}: {getattr(error, 'strerror', None) or error}: {source}")
    if problems:
        raise FirelibError(
            "\n".join(problems), where="secrets of the job", remedy="export the variable, or write the file"
        )
    return values


def _read_private(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise PermissionError("expected a regular file")  # reading a FIFO would wait forever
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"other users can read the file (chmod 600 {path})")
    return path.read_text(encoding="utf-8").strip()
