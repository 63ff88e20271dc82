"""Checks of memory, disks and the home folder."""

import shutil
from pathlib import Path

from firelib import storage
from firelib.doctor.finding import Finding, Status
from firelib.errors import FirelibError
from firelib.user_folders import is_private_folder, is_writable

_GIB = 2**30
_MEMORY_GIB, _DISK_GIB = 4, 5
_PROBE_SECONDS = 15.0


def check_memory(available: int) -> Finding:
    """Check the available memory, in bytes."""
    remedy = "close programs, or lower train.workers; two workers take about 4 GiB"
    return _compare("memory", available, _MEMORY_GIB, remedy)


def check_disk(name: str, folder: Path) -> Finding:
    """Check the free space on the disk of a folder, which need not exist yet.

    Args:
        name: Name of the finding.
        folder: The folder; its nearest existing parent is measured.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return _compare(name, shutil.disk_usage(existing).free, _DISK_GIB, f"free space on the disk of {existing}")


def check_storage(root: str, project: Path) -> Finding:
    """Check the free space under `storage.root`; of a bucket, whether objects can be written, read and removed.

    Args:
        root: `storage.root`, a URI or a path relative to the project.
        project: The project's folder.
    """
    if not storage.is_local(root):
        return _check_bucket(root)
    return check_disk("disk: storage.root", Path(storage.absolute(root, project)))


def _check_bucket(root: str) -> Finding:
    name = "bucket: storage.root"
    try:
        storage.probe_storage(root, _PROBE_SECONDS)
    except FirelibError as error:
        return Finding.from_error(name, error, "correct storage.root (FIRELIB_STORAGE_ROOT)")
    return Finding(name, "ok", f"{root}: objects can be written, read and removed")


def check_home(home: Path) -> Finding:
    """Check that settings, caches and Ray's token persist in the home folder."""
    name = "home folder"
    if is_private_folder(str(home)):
        remedy = "set HOME to a persistent folder (docker run -e HOME=...): temporary folders may be removed"
        return Finding(name, "warning", f"none: firelib uses {home}", remedy)
    if not is_writable(str(home)):
        remedy = "set HOME to a writable folder; until then, firelib keeps its caches in the temporary folder"
        return Finding(name, "warning", f"{home} is not writable", remedy)
    return Finding(name, "ok", str(home))


def _compare(name: str, free: int, recommended_gib: float, remedy: str) -> Finding:
    """Grade free bytes: `ok` from the recommended size, `warning` from 1 GiB."""
    status: Status = "ok" if free >= recommended_gib * _GIB else "warning" if free >= _GIB else "error"
    return Finding(name, status, f"{free / _GIB:.1f} GiB free", None if status == "ok" else remedy)
