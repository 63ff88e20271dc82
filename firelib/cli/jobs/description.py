"""Jobs as the command line and a file describe them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firelib.cli.project import Project, load_project

if TYPE_CHECKING:
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
    current = load_project()
    defaults = {
        "command": ("firelib", "train"),
        "project": str(current.paths.project),
        "env": select_forwarded(os.environ),
        "storage_root": current.paths.root if backend.mounts_storage_root else project_root(current),
        "target": backend.default_target(os.environ),
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


def project_root(current: Project) -> str | None:
    """Return the project's storage root if other hosts can reach it."""
    from firelib.launch.job_environment import shared_root

    return shared_root(current.params.storage.root)
