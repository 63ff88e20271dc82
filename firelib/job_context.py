"""Whether this process is a job on another host, in a folder that ends with the job."""

import os
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError

# Ray sets it for the drivers of jobs that were submitted.
_MARK = "RAY_JOB_CONFIG_JSON_ENV_VAR"
# Where Ray unpacks what `--working-dir` shipped: on each host its own copy.
_PASSING = "working_dir_files"
#: URI of the archive that a job's project was unpacked from, where the platform starts an image and nothing else.
CODE = "FIRELIB_JOB_CODE"


def is_passing(folder: Path) -> bool:
    """Whether a folder is a copy of a project made for this job; other hosts do not see what is written there."""
    return bool(os.environ.get(CODE)) or (_MARK in os.environ and _PASSING in folder.absolute().parts)


def shared_root(root: str) -> str:
    """A storage root that a job in such a folder may use.

    Raises:
        FirelibError: It is a folder inside the job's own, which ends with the job.
    """
    if storage.is_local(root) and not root.startswith("/"):
        raise FirelibError(
            f"storage.root {root!r} is a folder of this job, which other hosts do not see and which ends with it",
            where="a job on another host",
            remedy="FIRELIB_STORAGE_ROOT=/shared/… or gs://… (here or on the hosts), a place that all hosts see",
        )
    return root
