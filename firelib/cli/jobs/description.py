"""Jobs as the command line and a file describe them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firelib.cli.project import Project, current_options, load_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firelib.launch.client.job_description import JobDescription
    from firelib.launch.job_spec import JobSpec

#: Origin of fields, for errors.
COMMAND_LINE = "the command line"


def describe_job(file: Path | None, given: dict[str, Any]) -> "JobDescription":
    """Merge options, file and defaults, in this order of precedence.

    Args:
        file: A file that describes a job.
        given: Fields of the job, from the command line; `to` is the backend.

    Raises:
        FirelibError: The file cannot be read, or the backend is unknown.
    """
    from firelib.launch.backends.registry import load_backend
    from firelib.launch.client.job_description import JobDescription
    from firelib.launch.client.job_file import merge_fields, read_job_file
    from firelib.launch.job_environment import select_forwarded

    described = merge_fields(read_job_file(file) if file else {}, given)
    backend = load_backend(str(described.pop("to", "local")))
    saved = load_settings_of(backend.name)
    current = load_project()
    defaults = {
        "command": ("firelib", "train"),
        "project": str(current.paths.project),
        "env": select_forwarded(os.environ),
        "storage_root": current.paths.root if backend.mounts_storage_root else project_root(current),
        "target": backend.default_target(os.environ),
        **saved,
    }
    stages = described.pop("stages", {})
    where = f"{file} and {COMMAND_LINE}" if file else COMMAND_LINE
    return JobDescription(backend, merge_fields(defaults, described), where, stages)


def build_job(file: Path | None, given: dict[str, Any]) -> "tuple[str, JobSpec]":
    """Return a backend's name and the job that options, file and defaults describe.

    Args:
        file: A file that describes a job.
        given: Fields of the job, from the command line; `to` is the backend.

    Raises:
        FirelibError: The file cannot be read, the backend is unknown, or fields are wrong; all of them are named.
    """
    described = describe_job(file, given)
    return described.backend.name, described.parse()


def load_settings_of(backend: str) -> "Mapping[str, Any]":
    """Set the variables that `make vertex` has written for a backend, and return the fields of a job that it has.

    Args:
        backend: Name of the backend.
    """
    from firelib.config import load_params
    from firelib.launch.client.saved_settings import load_saved_settings
    from firelib.project_layout import find_project

    params = current_options().params
    root = load_params(params).storage.root if params.is_file() else ""
    return load_saved_settings(backend, find_project(params), root, os.environ)


def project_root(current: Project) -> str | None:
    """Return the project's storage root if other hosts can reach it."""
    from firelib.launch.job_environment import shared_root

    return shared_root(current.params.storage.root)
