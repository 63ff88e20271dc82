"""One `firelib run` at a time for each pipeline."""

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import psutil

from firelib.console import note
from firelib.errors import FirelibError
from firelib.storage import Owner, lock_file

_CLOCK_SECONDS = 2  # start times are computed from the system's clock


@contextmanager
def lock_pipeline(pipeline: Path, folder: Path) -> Iterator[None]:
    """Hold a pipeline's lock during the block. The kernel releases it when this process ends, however it ends.

    Where the file system has no locks, the process that the file names is looked up instead, and a note says so.

    Args:
        pipeline: The dvc.yaml that defines the stages.
        folder: Folder of the lock files.

    Raises:
        FirelibError: Another process holds the lock; the error names it. Or the folder is not writable.
    """
    with _open_lock(pipeline, folder) as file:
        _take_lock(file, pipeline)
        file.truncate(0)
        here = {"pid": os.getpid(), "host": platform.node(), "owner": Owner.current().token}
        file.write(json.dumps({**here, "started": time.strftime("%Y-%m-%d %H:%M:%S")}))
        file.flush()
        yield


def _take_lock(file: TextIO, pipeline: Path) -> None:
    try:
        has_locks = lock_file(file, wait=False)
    except BlockingIOError:
        raise _explain(_read_holder(file), pipeline) from None
    if not has_locks:
        holder = _read_holder(file)
        owner = Owner.parse(str(holder.get("owner")))
        if owner and owner.is_alive:
            raise _explain(holder, pipeline)
        note(
            f"the file system of {Path(file.name).parent} has no locks: a second firelib run on another host is not "
            "noticed; DVC needs `dvc config core.hardlink_lock true` there"
        )


def _open_lock(pipeline: Path, folder: Path) -> TextIO:
    name = hashlib.sha256(os.fsencode(pipeline.resolve())).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / f"firelib-run-{name}.lock").open("a+", encoding="utf-8")
    except OSError as error:
        remedy = "make the project writable, or run a copy of it: DVC and the stages write into it"
        raise FirelibError(f"cannot lock the pipeline: {error}", where=str(folder), remedy=remedy) from error


def _read_holder(file: TextIO) -> dict[str, Any]:
    """What the holder of the lock has written; empty if it has written nothing yet."""
    file.seek(0)
    try:
        holder = json.loads(file.read())
    except (ValueError, RecursionError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _explain(holder: Mapping[str, Any], pipeline: Path) -> FirelibError:
    pid, host = holder.get("pid", "?"), holder.get("host", platform.node())
    there = "" if host == platform.node() else f" on {host}"
    return FirelibError(
        f"firelib run is already running here: process {pid}{there}, since {holder.get('started', 'now')}",
        where=str(pipeline),
        remedy=f"wait until it ends, or stop it{there} (training saves a checkpoint): kill {pid}",
    )


def forget_dead_owners(folder: Path) -> None:
    """Remove the entries of dead processes from DVC's lock of paths.

    DVC does so itself, but it takes a zombie for a running process, and so any process that has got the id of a killed
    one. Both are common in containers. DVC records no start times: a process that has started after the last change of
    the file is no owner.

    Args:
        folder: DVC's folder for temporary files.
    """
    from dvc.config import Config
    from dvc.fs import localfs
    from dvc.rwlock import RWLOCK_FILE, _edit_rwlock  # no public API lists the owners

    file = folder / RWLOCK_FILE
    if not file.is_file():
        return
    uses_hardlinks = bool(Config(str(folder.parent))["core"].get("hardlink_lock", False))
    with _edit_rwlock(str(folder), localfs, uses_hardlinks) as lock:
        changed = file.stat().st_mtime
        lock["write"] = {path: owner for path, owner in lock["write"].items() if _is_alive(owner, changed)}
        readers = {path: [each for each in owners if _is_alive(each, changed)] for path, owners in lock["read"].items()}
        lock["read"] = {path: owners for path, owners in readers.items() if owners}


def _is_alive(owner: dict[str, Any], changed: float) -> bool:
    """Whether a process that can be the owner runs.

    Args:
        owner: An entry of DVC.
        changed: When the file was changed last, in seconds since the epoch.
    """
    try:
        process = psutil.Process(int(owner["pid"]))
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= changed + _CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
