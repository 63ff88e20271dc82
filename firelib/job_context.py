"""Detection of a process that runs as a job, in a folder that is deleted with the job."""

import os
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError

# Ray sets this variable for the drivers of submitted jobs.
_RAY_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
# Ray unpacks `--working-dir` into a folder of this name, on each host into its own copy.
_RAY_WORKING_DIR = "working_dir_files"
#: URI of the archive with the job's code, on platforms that only start an image.
CODE = "FIRELIB_JOB_CODE"
#: Id of the job, on every backend.
JOB_ID = "FIRELIB_JOB_ID"


def find_job() -> str | None:
    """Id of the job that this process is a part of."""
    return os.environ.get(JOB_ID) or None


def returns_outputs() -> bool:
    """Check whether this process is a part of a job whose outputs go back to the project that submitted it."""
    return find_job() is not None and (bool(os.environ.get(CODE)) or _RAY_JOB in os.environ)


def is_ephemeral(folder: Path) -> bool:
    """Check whether a folder is a job's own copy of a project: other hosts do not see what is written there."""
    return bool(os.environ.get(CODE)) or (_RAY_JOB in os.environ and _RAY_WORKING_DIR in folder.absolute().parts)


def validate_shared_root(root: str) -> str:
    """Return a storage root if a job in an ephemeral folder can use it.

    Raises:
        FirelibError: The root is inside the ephemeral folder, or in the home folder of a user.
    """
    if storage.is_relative(root):
        raise FirelibError(
            f"storage.root {root!r} is a folder of this job alone: other hosts cannot see it, and it may be deleted "
            "with the job",
            where="a job on another host",
            remedy="set FIRELIB_STORAGE_ROOT to a shared folder (/shared/…) or a bucket (gs://…), here or on the hosts",
        )
    return root
