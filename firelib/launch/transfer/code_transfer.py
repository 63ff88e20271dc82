"""A project's code on its way through the storage root, for platforms that start an image and nothing else."""

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.job_context import CODE
from firelib.launch.job_environment import JOB_ID
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_archive import write_package
from firelib.launch.transfer.output_archive import outputs_there, outputs_uri, pack_outputs

#: Command of a container that takes the code.
ENTRY = ("python", "-m", "firelib.launch.bootstrap")


def code_uri(spec: JobSpec) -> str:
    """Where a job's code goes.

    Raises:
        FirelibError: The job has no storage root.
    """
    if spec.storage_root is None:
        raise FirelibError(
            "the job has no storage root to send its code through",
            where=f"job {spec.job_id}",
            remedy="FIRELIB_STORAGE_ROOT=gs://bucket/prefix, or storage.root in params.yaml",
        )
    return storage.join(spec.storage_root, "jobs", spec.job_id, "code.zip")


def send_code(spec: JobSpec, limit_mib: float = 1024) -> str:
    """Put a job's code where its replicas find it; the variable `CODE` tells them.

    Returns:
        Its URI.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "code.zip")
        write_package(Path(spec.project), spec.stage, archive, limit_mib)
        storage.write_bytes(code_uri(spec), archive.read_bytes())
    return code_uri(spec)


def take_code(environ: Mapping[str, str], folder: Path) -> None:
    """Unpack the job's code into a folder, if it came this way.

    Raises:
        FirelibError: It is not there, or names places outside of the folder.
    """
    uri = environ.get(CODE)
    if not uri:
        return
    with tempfile.TemporaryDirectory() as passing:
        archive = Path(passing, "code.zip")
        try:
            archive.write_bytes(storage.read_bytes(uri))
        except FileNotFoundError:
            raise FirelibError("the job's code is not there", where=uri, remedy="send the job again") from None
        with zipfile.ZipFile(archive) as package:
            package.extractall(folder)  # zipfile itself keeps to the folder; the archive is our own


def with_outputs(environ: Mapping[str, str], folder: Path, run: Callable[[], int]) -> int:
    """Run a stage whose code came this way; when it ends well, its outputs go back the same way.

    Returns:
        The exit code of `run`.
    """
    root, job_id = environ.get("FIRELIB_STORAGE_ROOT"), environ.get(JOB_ID)
    if not (environ.get(CODE) and root and job_id):
        return run()
    before = outputs_there(folder)
    code = run()
    if code == 0:
        storage.write_bytes(outputs_uri(root, job_id), pack_outputs(folder, before))
    return code
