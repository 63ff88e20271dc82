"""Release what a finished job occupies in a cluster: keep its log and status here, delete its objects."""

from dataclasses import asdict
from pathlib import Path
from typing import cast

from firelib import storage
from firelib.launch.backend import JobStatus
from firelib.launch.backends.kubeflow.client import ClusterClient
from firelib.launch.backends.kubeflow.resources import OBJECTS
from firelib.launch.backends.kubeflow.target import Kind
from firelib.launch.job_record import JobRecord, record_folder

_STATUS, _LOG = "ended.json", "log"


def read_final_status(record: JobRecord) -> JobStatus | None:
    """Return the final status of a job that has been released, else None."""
    file = _folder(record) / _STATUS
    return JobStatus(**storage.read_json(str(file))) if file.is_file() else None


def read_saved_log(record: JobRecord) -> str | None:
    """Return the log of a job that has been released, else None."""
    if read_final_status(record) is None:
        return None
    return (_folder(record) / _LOG).read_text(encoding="utf-8")


def keep_results(record: JobRecord, status: JobStatus, log: str) -> None:
    """Keep what a finished job leaves in the cluster. The status comes last: it says that the log is complete.

    Args:
        record: The job.
        status: Its final status.
        log: Its whole log.
    """
    storage.write_bytes(str(_folder(record) / _LOG), log.encode())
    storage.write_bytes(str(_folder(record) / _STATUS), storage.to_json(asdict(status)))


def delete_objects(client: ClusterClient, kind: str, job_id: str) -> None:
    """Delete the objects of a job, the last one first; no error if some do not exist.

    Args:
        client: The cluster.
        kind: `TrainJob` or `RayJob`.
        job_id: Id of the job.
    """
    for each in reversed(OBJECTS[cast(Kind, kind)]):
        client.delete(each, job_id)


def _folder(record: JobRecord) -> Path:
    return record_folder(Path(record.spec.project), record.job_id)
