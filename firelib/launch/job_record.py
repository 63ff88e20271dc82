"""A file for each job that was sent, so that its id alone finds it again."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError, did_you_mean
from firelib.launch.job_spec import JobSpec

_FOLDER = Path(".firelib", "jobs")


@dataclass(frozen=True)
class JobRecord:
    """A job that was sent.

    Attributes:
        spec: What was sent; secrets are references in it.
        backend: Where to.
        handle: What the backend needs to find it again.
        submitted: When, in UTC.
    """

    spec: JobSpec
    backend: str
    handle: Mapping[str, str] = field(default_factory=dict)
    submitted: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def job_id(self) -> str:
        return self.spec.job_id


def record_folder(project: Path, job_id: str) -> Path:
    """Where a local job's own files lie."""
    return project / _FOLDER / job_id


def write_record(project: Path, record: JobRecord) -> None:
    """Keep a record in the project; one of the same id is replaced."""
    storage.write_bytes(str(_file(project, record.job_id)), storage.to_json(asdict(record)))


def read_record(project: Path, job_id: str) -> JobRecord:
    """The record of a job.

    Raises:
        FirelibError: No job of this id was sent from this project.
    """
    if not _file(project, job_id).is_file():
        raise FirelibError(
            f"there is no job {job_id!r}",
            where=str(project / _FOLDER),
            remedy=did_you_mean(job_id, (record.job_id for record in records(project))),
        )
    return _read(_file(project, job_id))


def records(project: Path) -> list[JobRecord]:
    """All jobs that were sent from this project, newest last."""
    found = [_read(file) for file in (project / _FOLDER).glob("*.json")]
    return sorted(found, key=lambda record: (record.submitted, record.job_id))


def _file(project: Path, job_id: str) -> Path:
    return project / _FOLDER / f"{job_id}.json"


def _read(file: Path) -> JobRecord:
    raw = storage.read_json(str(file))
    return JobRecord(**{**raw, "spec": JobSpec.from_json(raw["spec"])})
