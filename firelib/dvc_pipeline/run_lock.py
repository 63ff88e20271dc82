"""One `firelib run` at a time for each pipeline."""

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import psutil

from firelib.errors import FirelibError


@contextmanager
def lock_pipeline(pipeline: Path, folder: Path) -> Iterator[None]:
    """Hold a pipeline's lock during the block. The kernel releases it when this process ends, however it ends.

    Args:
        pipeline: The dvc.yaml that defines the stages.
        folder: Folder of the lock files.

    Raises:
        FirelibError: Another process holds the lock; the error names it. Or the folder is not writable.
    """
    with _open_lock(pipeline, folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _explain(file.read(), pipeline) from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "started": time.strftime("%Y-%m-%d %H:%M:%S")}))
        file.flush()
        yield


def _open_lock(pipeline: Path, folder: Path) -> TextIO:
    name = hashlib.sha256(os.fsencode(pipeline.resolve())).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / f"firelib-run-{name}.lock").open("a+", encoding="utf-8")
    except OSError as error:
        remedy = "make the project writable, or run a copy of it: DVC and the stages write into it"
        raise FirelibError(f"cannot lock the pipeline: {error}", where=str(folder), remedy=remedy) from error


def _explain(content: str, pipeline: Path) -> FirelibError:
    try:
        holder: dict[str, Any] = json.loads(content)
    except ValueError:  # it has not written its name yet
        holder = {"pid": "?", "started": "now"}
    return FirelibError(
        f"firelib run is already running here: process {holder['pid']}, since {holder['started']}",
        where=str(pipeline),
        remedy=f"wait until it ends, or stop it (training saves a checkpoint): kill {holder['pid']}",
    )


def forget_dead_owners(folder: Path) -> None:
    """Remove the entries of dead processes from DVC's lock of paths.

    DVC does so itself, but it takes a zombie for a running process, and so any process that has got the id of a killed
    one. Both are common in containers.

    Args:
        folder: DVC's folder for temporary files.
    """
    from dvc.fs import localfs
    from dvc.rwlock import RWLOCK_FILE, _edit_rwlock  # no public API lists the owners

    if not (folder / RWLOCK_FILE).is_file():
        return
    with _edit_rwlock(str(folder), localfs, False) as lock:
        lock["write"] = {path: owner for path, owner in lock["write"].items() if _is_alive(owner)}
        readers = {path: [owner for owner in owners if _is_alive(owner)] for path, owners in lock["read"].items()}
        lock["read"] = {path: owners for path, owners in readers.items() if owners}


def _is_alive(owner: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(int(owner["pid"]))
        words = " ".join(process.cmdline())
        return process.status() != psutil.STATUS_ZOMBIE and ("dvc" in words or "firelib" in words)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True
