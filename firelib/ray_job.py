"""Whether this process is a job of a Ray cluster, and may be one."""

import os

from firelib import storage
from firelib.errors import FirelibError

# Ray sets it for the drivers of jobs that were submitted.
_MARK = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def is_ray_job() -> bool:
    return _MARK in os.environ


def shared_root(root: str) -> str:
    """A storage root that a job may use.

    Raises:
        FirelibError: It is a folder inside the job's own, which ends with the job.
    """
    if storage.is_local(root) and not root.startswith("/"):
        raise FirelibError(
            f"storage.root {root!r} is a folder of this job, which other hosts do not see and which ends with it",
            where="a job on a Ray cluster",
            remedy="FIRELIB_STORAGE_ROOT=/shared/… or gs://… (here or on the hosts), a place that all hosts see",
        )
    return root
