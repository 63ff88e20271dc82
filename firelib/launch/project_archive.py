"""The project of a job on rented machines: its code goes into the bucket, what the stage made comes out."""

import tempfile
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.job import JobSpec
from firelib.launch.outputs import outputs_uri, unpack_outputs
from firelib.launch.package import write_package

#: Variable with the URI of the project's archive, and the command of a container that takes it.
ARCHIVE = "FIRELIB_PROJECT_ARCHIVE"
ENTRY = ("python", "-m", "firelib.launch.cloud_stage")


def archive_uri(spec: JobSpec) -> str:
    """Where the sender leaves the project's code."""
    return storage.join(spec.storage_root or "", "jobs", spec.job_id, "project.zip")


def send_project(spec: JobSpec) -> None:
    """Leave the project's code in the job's folder.

    Raises:
        FirelibError: It is too large.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "code.zip")
        write_package(Path(spec.project), spec.stage, archive)
        storage.write_bytes(archive_uri(spec), archive.read_bytes())


def fetch_outputs(spec: JobSpec) -> list[str]:
    """Bring what a job's stage has made back into the project that sent it.

    Returns:
        Names of the files, relative to the project.

    Raises:
        FirelibError: The job left nothing, or the bucket cannot be read.
    """
    uri = outputs_uri(spec.storage_root or "", spec.job_id)
    try:
        return unpack_outputs(storage.read_bytes(uri), Path(spec.project))
    except FileNotFoundError:
        raise FirelibError("the job has left nothing (yet)", where=uri, remedy=f"firelib logs {spec.job_id}") from None
