"""The variables that a stage finds, the same on every backend."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.job_spec import JobSpec

JOB_ID = "FIRELIB_JOB_ID"
TIMEOUT = "FIRELIB_JOB_SECONDS"
SECRETS = "FIRELIB_JOB_SECRETS"
IMAGE_DIGEST = "FIRELIB_IMAGE_DIGEST"  # for the lineage

# Of the caller's own settings those that mean the same on another machine.
_PASSED_ON = ("FIRELIB_WORKERS", "FIRELIB_TRACKING", "WANDB_MODE", "WANDB_PROJECT", "WANDB_ENTITY")


def stage_variables(spec: JobSpec) -> dict[str, str]:
    """What a backend sets for the stage; no secrets, only where they lie."""
    variables = dict(spec.env)
    variables[JOB_ID] = spec.job_id
    variables["FIRELIB_RAY_ADDRESS"] = ""  # a stage that was sent is not sent on
    if spec.storage_root:
        variables["FIRELIB_STORAGE_ROOT"] = spec.storage_root
    if spec.image and "@" in spec.image:
        variables[IMAGE_DIGEST] = spec.image.partition("@")[2]
    if spec.timeout_seconds:
        variables[TIMEOUT] = str(spec.timeout_seconds)
    if spec.secrets:
        variables[SECRETS] = json.dumps(dict(sorted(spec.secrets.items())))
    return dict(sorted(variables.items()))


def passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's settings that go along with a job."""
    return {name: environ[name] for name in _PASSED_ON if environ.get(name)}


def shared_root(root: str | None) -> str | None:
    """A storage root that means the same on other hosts; None of a folder inside the project."""
    if root is None or (storage.is_local(root) and not Path(root).is_absolute()):
        return None
    return root


def read_secrets(secrets: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The values of `env:` and `file:` references, where the stage runs.

    Raises:
        FirelibError: Some are not there, or others could read them; all named at once, no value shown.
    """
    found, problems = {}, []
    for name, reference in secrets.items():
        kind, _, place = reference.partition(":")
        try:
            found[name] = environ[place] if kind == "env" else _read_private(Path(place).expanduser())
        except KeyError:
            problems.append(f"secrets.{name}: there is no variable {place}")
        except (OSError, UnicodeDecodeError, PermissionError) as error:
            problems.append(f"secrets.{name}: {getattr(error, 'strerror', None) or error}: {place}")
    if problems:
        raise FirelibError("\n".join(problems), where="secrets of the job", remedy="export it, or put it into the file")
    return found


def _read_private(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise PermissionError(f"others can read the file (chmod 600 {path})")
    return path.read_text(encoding="utf-8").strip()
