"""Backend `vertex`: custom training on Vertex AI, with the same image and program as everywhere else."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.backend import Backend, JobStatus, Shell
from firelib.launch.backends.vertex.attempts import cancel_attempts, create_client, list_attempts, start_attempt
from firelib.launch.backends.vertex.custom_job_status import CustomJobStatus, Obstacle
from firelib.launch.backends.vertex.placements import list_placements
from firelib.launch.backends.vertex.preflight import find_preflight_problems
from firelib.launch.backends.vertex.request import build_custom_job
from firelib.launch.backends.vertex.request_checks import find_vertex_problems
from firelib.launch.backends.vertex.target import VertexTarget
from firelib.launch.job_record import JobRecord, read_record, write_record
from firelib.launch.job_spec import JobSpec, refuse
from firelib.launch.plan import Plan, PlanRequest, find_missing, plan_rented_machines
from firelib.launch.transfer.code_transfer import send_code

# Keys of the handle. `name` is the resource name of the newest attempt; the others end the search for placements.
_NAME, _CANCELLED, _FAILURE = "name", "cancelled", "failure"


class VertexBackend(Backend):
    """CustomJobs of Vertex AI."""

    name = "vertex"
    target_type = VertexTarget
    secret_schemes = ("gcp",)  # anything else would be readable in the request
    sends_code = True
    returns_outputs = True

    def find_problems(self, spec: JobSpec) -> Iterable[str]:
        """Return what Vertex AI would refuse."""
        return find_vertex_problems(spec)

    def plan(self, request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG002
        """Return the plan: rented machines, at the prices and quotas of custom training."""
        missing = [*find_missing(request, "google.cloud.aiplatform", self.name)]
        if not environ.get("GOOGLE_CLOUD_PROJECT"):
            missing.append("GOOGLE_CLOUD_PROJECT")
        return plan_rented_machines(self.name, request, "training", missing)

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return one request for each placement, in the order in which they are tried."""
        placements = list_placements(spec, VertexTarget.parse(spec.target))
        return {"requests": [build_custom_job(spec, placement, number) for number, placement in enumerate(placements)]}

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Run the preflight checks, upload the code, and create a CustomJob in the first placement that accepts it.

        Raises:
            FirelibError: A preflight check failed, no placement has capacity, or Vertex AI refuses.
        """
        refuse(
            find_preflight_problems(spec),
            where=f"job {spec.job_id} for vertex",
            remedy="firelib doctor --to vertex names what is missing",
        )
        send_code(spec)
        try:
            attempt = start_attempt(spec, 0)
        except BaseException:
            with suppress(FirelibError):  # the first error is more telling
                cancel_attempts(spec)
            raise
        return {_NAME: attempt.name}

    def status(self, record: JobRecord) -> JobStatus:
        """Return the status of the newest attempt. A job that `advance` can still move is `queued`."""
        record = _latest(record)
        if _FAILURE in record.handle:
            return JobStatus("failed", None, record.handle[_FAILURE])
        attempt, obstacle = _newest(record)
        if obstacle is None or not (attempt.state == "queued" or _has_next_placement(record.spec, attempt)):
            return attempt.status(obstacle)
        message = f"{obstacle} in placement {attempt.placement}; firelib logs {record.job_id} --follow moves the job on"
        return JobStatus("queued", None, message)

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:  # noqa: ARG002  callers read again and again
        """Yield what replica 0 of each attempt has written, as far as Cloud Logging has received it."""
        from firelib.launch.backends.vertex.logs import read_log

        target = VertexTarget.parse(record.spec.target)
        for attempt in list_attempts(record.spec, _latest(record).handle[_NAME]):
            yield from read_log(target.project, attempt.name.rpartition("/")[2], target.endpoint)

    def cancel(self, record: JobRecord) -> None:
        """Cancel all attempts, and try no further placement."""
        record = _update_handle(_latest(record), {_CANCELLED: "true"})
        cancel_attempts(record.spec, record.handle[_NAME])

    def shell(self, record: JobRecord) -> Shell:
        """Refuse: firelib's jobs do not enable Vertex AI's web access, which would be needed.

        Raises:
            FirelibError: Always.
        """
        name = _latest(record).handle.get(_NAME, "")
        raise FirelibError(
            "Vertex AI opens no shell in this job: web access is off",
            where=name,
            remedy=f"read its log: firelib logs {record.job_id} --follow",
        )

    def advance(self, record: JobRecord) -> JobRecord:
        """Submit a job again in the next placement after a stock-out, a preemption or too long a queue."""
        record = _latest(record)
        if _FAILURE in record.handle:
            return record
        attempt, obstacle = _newest(record)
        if obstacle is None:
            return record
        if attempt.state == "queued":
            create_client(record.spec).cancel(attempt.name)
        if not _has_next_placement(record.spec, attempt):
            return record
        return _start_next(record, attempt, obstacle)


def _latest(record: JobRecord) -> JobRecord:
    """Return the stored record: another process may have advanced the job since this one was read."""
    return read_record(Path(record.spec.project), record.job_id)


def _newest(record: JobRecord) -> tuple[CustomJobStatus, Obstacle | None]:
    """Return the newest attempt, and why another placement should follow it."""
    attempt = list_attempts(record.spec, record.handle[_NAME])[-1]
    if _CANCELLED in record.handle:
        return attempt, None
    return attempt, attempt.obstacle(record.spec.queue_seconds, datetime.now(UTC))


def _has_next_placement(spec: JobSpec, attempt: CustomJobStatus) -> bool:
    return attempt.placement + 1 < len(list_placements(spec, VertexTarget.parse(spec.target)))


def _start_next(record: JobRecord, attempt: CustomJobStatus, obstacle: Obstacle) -> JobRecord:
    from firelib.launch.backends.vertex.client import CapacityError

    number = attempt.placement + 1
    placements = list_placements(record.spec, VertexTarget.parse(record.spec.target))
    note(f"{placements[attempt.placement]}: {obstacle}; trying {placements[number]}")
    try:
        name = start_attempt(record.spec, number).name
    except CapacityError as error:
        return _update_handle(_latest(record), {_FAILURE: error.what.partition("\n")[0]})
    record = _update_handle(_latest(record), {_NAME: name})  # `cancel` may have changed it while this attempt started
    if _CANCELLED in record.handle:
        cancel_attempts(record.spec, name)
    return record


def _update_handle(record: JobRecord, changes: Mapping[str, str]) -> JobRecord:
    """Store a record whose handle has other values."""
    updated = JobRecord(
        spec=record.spec,
        backend=record.backend,
        handle={**record.handle, **changes},
        submitted=record.submitted,
    )
    write_record(Path(record.spec.project), updated)
    return updated
