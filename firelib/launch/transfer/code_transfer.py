"""Transfer of a project's code through the storage root, for platforms that only start an image."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.job_context import CODE, JOB_ID
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.bounded_archive import unpack_zip
from firelib.launch.transfer.code_archive import write_package
from firelib.launch.transfer.output_archive import outputs_uri, snapshot_outputs, upload_outputs

#: Command of a container that unpacks the code and runs a stage.
ENTRY = ("python", "-m", "firelib.launch.bootstrap")


def code_uri(spec: JobSpec) -> str:
    """Return the URI of the archive with a job's code.

    Raises:
        FirelibError: The job has no storage root.
    """
    if spec.storage_root is None:
        raise FirelibError(
            "the job has no storage root for the transfer of its code",
            where=f"job {spec.job_id}",
            remedy="set FIRELIB_STORAGE_ROOT=gs://bucket/prefix, or storage.root in params.yaml",
        )
    return storage.join(spec.storage_root, "jobs", spec.job_id, "code.zip")


def send_code(spec: JobSpec, limit_mib: float = 1024) -> str:
    """Upload a job's code. Its replicas find the URI in the variable `FIRELIB_JOB_CODE`.

    Args:
        spec: The job.
        limit_mib: Largest size of the archive, in MiB.

    Returns:
        The archive's URI.

    Raises:
        FirelibError: The job has no storage root, or the archive is too large.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "code.zip")
        write_package(Path(spec.project), spec.stage, archive, limit_mib)
        storage.write_bytes(code_uri(spec), archive.read_bytes())
    return code_uri(spec)


def unpack_code(environ: Mapping[str, str], folder: Path) -> None:
    """Download and unpack the job's code, if `FIRELIB_JOB_CODE` names an archive.

    Args:
        environ: The variables of this process.
        folder: The folder to unpack into.

    Raises:
        FirelibError: The archive is missing, damaged, or larger than the limits.
    """
    uri = environ.get(CODE)
    if not uri:
        return
    with tempfile.TemporaryDirectory() as temporary:
        archive = Path(temporary, "code.zip")
        try:
            archive.write_bytes(storage.read_bytes(uri))
        except FileNotFoundError:
            raise FirelibError("the job's code is missing", where=uri, remedy="submit the job again") from None
        unpack_zip(archive, folder, uri)


def run_and_upload_outputs(environ: Mapping[str, str], folder: Path, run: Callable[[], int]) -> int:
    """Run a stage; upload its outputs if it succeeds and its code came through the storage root.

    Args:
        environ: The variables of this process.
        folder: The project's folder.
        run: Runs the stage and returns its exit code.

    Returns:
        The exit code of `run`.

    Raises:
        FirelibError: The bucket cannot be used.
    """
    root, job_id = environ.get("FIRELIB_STORAGE_ROOT"), environ.get(JOB_ID)
    if not (environ.get(CODE) and root and job_id):
        return run()
    before = snapshot_outputs(folder)
    code = run()
    if code == 0:
        upload_outputs(folder, before, outputs_uri(root, job_id))
    return code
