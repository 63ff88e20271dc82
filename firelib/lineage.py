"""One record of what a result was made from: code, data, parameters, packages, image, job."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.config import Params

_PACKAGES = ("dask", "deltalake", "firelib", "keras", "numpy", "pyarrow", "ray", "tensorflow")


def lineage(params: Params, project: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """The record.

    Args:
        params: What the stage ran with.
        project: Folder of params.yaml, uv.lock and the git repository.
        data: What the stage read and made: hashes, versions, ids.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": dict(data),
        "git": git_state(project),
        "host": {"platform": platform.platform(), "python": platform.python_version()},
        "image": os.environ.get("FIRELIB_IMAGE_DIGEST"),
        "job": os.environ.get("FIRELIB_JOB_ID") or os.environ.get("CLOUD_ML_JOB_ID"),
        "lock_sha256": os.environ.get("FIRELIB_IMAGE_LOCK_SHA256") or _hash_of(project / "uv.lock"),
        "packages": installed(_PACKAGES),
        "params": params.model_dump(mode="json"),
    }


def installed(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Package → installed version, or None."""
    found: dict[str, str | None] = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _hash_of(lock: Path) -> str | None:
    return storage.sha256_file(lock) if lock.is_file() else None


def git_state(project: Path) -> dict[str, Any]:
    """Revision, and whether the working tree differs from it.

    Without a repository: those of the image's code (`FIRELIB_IMAGE_REVISION`, which `make images` sets), else None.
    """
    revision = _git(project, "rev-parse", "HEAD")
    if revision is None and (built := os.environ.get("FIRELIB_IMAGE_REVISION")):
        return {"revision": built.removesuffix("-dirty"), "dirty": built.endswith("-dirty")}
    status = _git(project, "status", "--porcelain", "--untracked-files=no")
    return {"revision": revision, "dirty": bool(status) if revision is not None else None}


def _git(project: Path, *args: str) -> str | None:
    try:
        command = ["git", "-C", str(project), *args]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603  fixed
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
