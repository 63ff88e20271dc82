"""Lineage: the code, data, parameters, packages, image and job that produced a result."""

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
from firelib.job_context import find_job

_PACKAGES = ("dask", "deltalake", "firelib", "keras", "numpy", "pyarrow", "ray", "tensorflow")


def lineage(params: Params, project: Path, data: Mapping[str, Any]) -> dict[str, Any]:
    """Build the lineage record of a stage.

    Args:
        params: The stage's parameters.
        project: Folder of params.yaml, uv.lock and the git repository.
        data: Hashes, versions and ids of the stage's inputs and outputs.

    Returns:
        A record that can be written as JSON; what is unknown is None.
    """
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": dict(data),
        "git": git_state(project),
        "host": {"platform": platform.platform(), "python": platform.python_version()},
        "image": os.environ.get("FIRELIB_IMAGE_DIGEST"),
        "job": find_job() or os.environ.get("CLOUD_ML_JOB_ID"),
        "lock_sha256": os.environ.get("FIRELIB_IMAGE_LOCK_SHA256") or _hash_of(project / "uv.lock"),
        "packages": installed_versions(_PACKAGES),
        "params": params.model_dump(mode="json"),
    }


def installed_versions(packages: tuple[str, ...]) -> dict[str, str | None]:
    """Map each package to its installed version, or None."""
    versions: dict[str, str | None] = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _hash_of(lock: Path) -> str | None:
    return storage.sha256_file(lock) if lock.is_file() else None


def git_state(project: Path) -> dict[str, Any]:
    """Read the git revision, and whether the working tree differs from it.

    Returns:
        `revision` and `dirty`. Outside of a repository they describe the image's code (`FIRELIB_IMAGE_REVISION`, which
        `make images` sets); both are None if that is unset, too.
    """
    revision = _git(project, "rev-parse", "HEAD")
    if revision is None and (image := os.environ.get("FIRELIB_IMAGE_REVISION")):
        return {"revision": image.removesuffix("-dirty"), "dirty": image.endswith("-dirty")}
    status = _git(project, "status", "--porcelain", "--untracked-files=no")
    return {"revision": revision, "dirty": bool(status) if revision is not None else None}


def _git(project: Path, *args: str) -> str | None:
    try:
        command = ["git", "-C", str(project), *args]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603  fixed commands
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
