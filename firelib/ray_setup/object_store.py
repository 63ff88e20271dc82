"""Size of Ray's object store in shared memory."""

import shutil
from pathlib import Path

from firelib.console import note

_SHM = Path("/dev/shm")  # noqa: S108  the mount point itself, not a temporary file
_SHM_SHARE = 0.95  # Ray's own margin: https://github.com/ray-project/ray/pull/23034
_GIB = 2**30


def choose_object_store_bytes() -> int | None:
    """Choose a size for the object store that fits into /dev/shm.

    Below 10 GB, Ray does not limit its default to the free shared memory, but falls back to slower files in /tmp
    (https://github.com/ray-project/ray/pull/14629).

    Returns:
        Bytes; None if Ray's default fits, or /dev/shm is too small for any object store.
    """
    # The default size of `ray.init` (see ray/_private/resource_and_label_spec.py); no public API computes it.
    from ray._private import utils

    free = free_shared_memory(_SHM)
    if free is None or utils.resolve_object_store_memory(int(utils.estimate_available_memory())) <= free:
        return None
    if free >= _GIB:
        return int(free * _SHM_SHARE)
    note(f"only {free / _GIB:.2f} GiB are free in {_SHM}: Ray uses slower files in /tmp (docker run --shm-size=4g)")
    return None


def free_shared_memory(folder: Path) -> int | None:
    """Free bytes of shared memory; None if the folder does not exist."""
    return shutil.disk_usage(folder).free if folder.is_dir() else None
