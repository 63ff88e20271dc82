"""Records of submitted jobs: one JSON file for each, so that a job's id is enough to find it again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError, did_you_mean
from firelib.launch.job_spec import JobSpec
from firelib.project_layout import JOBS

#: Key of the handle of a whole run: the backend that its stages are sent to, each as a job of its own.
STAGES_SENT_TO = "stages_sent_to"


@dataclass(frozen=True)
class JobRecord:
    """A submitted job.

    Attributes:
        spec: The job; its secrets are references.
        backend: Name of the backend that it was sent to.
        handle: The backend's own data for finding the job.
        submitted: Time of the submission, UTC, ISO 8601.
    """

    spec: JobSpec
    backend: str
    handle: Mapping[str, str] = field(default_factory=dict)
    submitted: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.spec.job_id

    @property
    def environment(self) -> str:
        """Where the job runs, as `--to` names it: of a whole run, where its stages run."""
        return self.handle.get(STAGES_SENT_TO, self.backend)

    def is_stage_of(self, other: "JobRecord") -> bool:
        """Whether a whole run has sent this job for one of its stages.

        Args:
            other: The whole run.
        """
        return other.is_whole_run and self.job_id.startswith(f"{other.job_id}-")

    @property
    def is_whole_run(self) -> bool:
        """Whether this is `firelib run` as one job for each stage."""
        return STAGES_SENT_TO in self.handle


def record_folder(project: Path, job_id: str) -> Path:
    """Return the folder for the files that a job keeps on this machine.

    Args:
        project: The project that submitted the job.
        job_id: The job.
    """
    return project / JOBS / job_id


def write_record(project: Path, record: JobRecord) -> None:
    """Write a job's record; replace the record of the same id.

    Args:
        project: The project that submitted the job.
        record: The job.
    """
    raw = {
        "backend": record.backend,
        "handle": dict(record.handle),
        "spec": record.spec.as_json(),
        "submitted": record.submitted,
    }
    storage.write_bytes(str(_file(project, record.job_id)), storage.to_json(raw))


def read_record(project: Path, job_id: str) -> JobRecord:
    """Read a job's record.

    Args:
        project: The project that submitted the job.
        job_id: The job.

    Raises:
        FirelibError: The project has no record of this job.
    """
    if not _file(project, job_id).is_file():
        raise FirelibError(
            f"unknown job {job_id!r}",
            where=str(project / JOBS),
            remedy=did_you_mean(job_id, (record.job_id for record in read_records(project))),
        )
    return _read(_file(project, job_id))


def read_records(project: Path) -> list[JobRecord]:
    """Read the records of all jobs that a project has submitted, newest last."""
    found = [_read(file) for file in (project / JOBS).glob("*.json")]
    return sorted(found, key=lambda record: (record.submitted, record.job_id))


def _file(project: Path, job_id: str) -> Path:
    return project / JOBS / f"{job_id}.json"


def _read(file: Path) -> JobRecord:
    raw = storage.read_json(str(file))
    return JobRecord(**{**raw, "spec": JobSpec.from_json(raw["spec"])})
