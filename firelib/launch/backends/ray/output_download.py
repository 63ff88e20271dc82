"""The outputs of a job on a Ray cluster, back into the project of whoever sent it.

The caller may reach nothing of the cluster but its dashboard. So a second, tiny job prints the archive as text, and
its log is read through the same job API.
"""

import base64
import time
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backends.ray.backend import packed
from firelib.launch.backends.ray.client import connect, explained
from firelib.launch.job_environment import stage_variables
from firelib.launch.job_record import JobRecord
from firelib.launch.transfer.output_archive import unpack_outputs

BEGIN, END = "-----BEGIN FIRELIB OUTPUTS-----", "-----END FIRELIB OUTPUTS-----"
_POLL_SECONDS = 0.3
_OVER = ("SUCCEEDED", "FAILED", "STOPPED")


def as_text(packed: bytes) -> str:
    """An archive as lines between two marks."""
    return f"{BEGIN}\n{base64.encodebytes(packed).decode()}{END}\n"


def from_text(log: str) -> bytes:
    """The archive in a log.

    Raises:
        FirelibError: It is not there whole.
    """
    begin, end = log.find(BEGIN), log.find(END)
    if begin < 0 or end < begin:
        raise FirelibError(
            f"the outputs did not come back: {log.strip().rpartition(chr(10))[2] or 'no answer'}",
            where="the job that sends them",
            remedy="firelib fetch JOB tries again; they lie in storage.root/jobs/",
        )
    return base64.b64decode(log[begin + len(BEGIN) : end])


def bring_back(record: JobRecord) -> list[str]:
    """Fetch what a job's stage has made into the project that sent it.

    Returns:
        Names of the files, relative to the project.

    Raises:
        FirelibError: The job left nothing, or the cluster does not answer.
    """
    address = record.handle["address"]
    client = connect(address)
    with packed(record.spec) as archive, explained(address):  # Ray has it still: nothing is shipped again
        sender = client.submit_job(
            entrypoint=f"firelib job-outputs {record.job_id}",
            runtime_env={"working_dir": archive, "env_vars": stage_variables(record.spec)},
            entrypoint_num_cpus=0,
        )
        _wait(client, sender)
        log = client.get_job_logs(sender)
        client.delete_job(sender)
    return unpack_outputs(from_text(log), Path(record.spec.project))


def _wait(client: Any, name: str) -> None:
    while str(client.get_job_status(name).value) not in _OVER:
        time.sleep(_POLL_SECONDS)
