"""Download the outputs of a job on a Ray cluster.

The dashboard may be all of the cluster that the caller can reach. So a second, tiny job prints the archive of outputs
as text, and the caller reads the log of that job through the job API.
"""

import base64
import io
import time
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backends.ray.client import connect, translate_errors
from firelib.launch.backends.ray.code_package import package_code
from firelib.launch.job_environment import stage_variables
from firelib.launch.job_record import JobRecord
from firelib.launch.transfer.large_outputs import large_folder
from firelib.launch.transfer.output_archive import outputs_uri, unpack_outputs

BEGIN, END = "-----BEGIN FIRELIB OUTPUTS-----", "-----END FIRELIB OUTPUTS-----"
_POLL_SECONDS = 0.3
_FINAL = ("SUCCEEDED", "FAILED", "STOPPED")


def encode_archive(archive: bytes) -> str:
    """Return an archive as base64 lines (RFC 2045) between two delimiters."""
    return f"{BEGIN}\n{base64.encodebytes(archive).decode()}{END}\n"


def decode_archive(log: str) -> bytes:
    """Return the archive that a log contains.

    Raises:
        FirelibError: The log does not contain the whole archive.
    """
    begin, end = log.find(BEGIN), log.find(END)
    if begin < 0 or end < begin:
        last_line = log.strip().rpartition("\n")[2]
        raise FirelibError(
            f"the outputs did not arrive: {last_line or 'no answer'}",
            where="log of the job that sends the outputs",
            remedy="try again: firelib fetch JOB (the outputs are in storage.root/jobs/)",
        )
    return base64.b64decode(log[begin + len(BEGIN) : end])


def download_outputs(record: JobRecord) -> list[str]:
    """Download the outputs of a job into the project that submitted it.

    Returns:
        Names of the files, relative to the project.

    Raises:
        FirelibError: The job left no outputs, or the cluster does not answer.
    """
    address = record.handle["address"]
    client = connect(address)
    with package_code(record.spec) as archive, translate_errors(address):  # Ray has it already and skips the upload
        sender = client.submit_job(
            entrypoint=f"firelib job-outputs {record.job_id}",
            runtime_env={"working_dir": archive, "env_vars": stage_variables(record.spec)},
            entrypoint_num_cpus=0,
        )
        _wait_for_job(client, sender)
        log = client.get_job_logs(sender)
        client.delete_job(sender)
    root = record.spec.storage_root
    folder = None if root is None else large_folder(outputs_uri(root, record.job_id))
    return unpack_outputs(io.BytesIO(decode_archive(log)), Path(record.spec.project), record.spec.stage, folder)


def _wait_for_job(client: Any, job_id: str) -> None:
    while str(client.get_job_status(job_id).value) not in _FINAL:
        time.sleep(_POLL_SECONDS)
