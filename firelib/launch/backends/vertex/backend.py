"""Backend `vertex`: custom training on Vertex AI, with the same image and program as everywhere else."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stamina

from firelib.console import note
from firelib.errors import FirelibError, StoppedError
from firelib.gcp.pricing import TRAINING_DISK_QUOTA, Price, price
from firelib.launch.backend import Backend, JobStatus, LostConnectionError, Shell
from firelib.launch.backends.vertex.attempts import (
    cancel_attempts,
    choose_placement,
    create_client,
    list_attempts,
    start_attempt,
)
from firelib.launch.backends.vertex.custom_job_status import CustomJobStatus, Obstacle
from firelib.launch.backends.vertex.machine_rules import find_machine_rule_problems
from firelib.launch.backends.vertex.model_registry import build_upload, register_model
from firelib.launch.backends.vertex.placements import Placement, find_placement_notes, list_placements
from firelib.launch.backends.vertex.preflight import find_preflight_problems
from firelib.launch.backends.vertex.request import GRACE_SECONDS, build_custom_job
from firelib.launch.backends.vertex.request_checks import find_vertex_problems
from firelib.launch.backends.vertex.target import VertexTarget
from firelib.launch.job_record import JobRecord, read_record, write_record
from firelib.launch.job_spec import JobSpec, refuse
from firelib.launch.plan import Plan, PlanRequest, find_missing, plan_rented_machines
from firelib.launch.transfer.code_transfer import send_code

# Keys of the handle. `name` is the resource name of the newest attempt, `model` that of the registered model; the
# others end the search for placements.
_NAME, _CANCELLED, _FAILURE, _MODEL = "name", "cancelled", "failure", "model"
_LONG_QUEUE_SECONDS, _READ_SECONDS = 600.0, 300.0
_WEB_ACCESS = "job_spec.enable_web_access"


class VertexBackend(Backend):
    """CustomJobs of Vertex AI."""

    name = "vertex"
    target_type = VertexTarget
    secret_schemes = ("gcp",)  # anything else would be readable in the request
    sends_code = True
    returns_outputs = True
    poll_seconds = 6.0  # of the 60 reads a minute that Cloud Logging allows a project, one job takes 10
    log_delay_seconds = 15.0
    runs_components = True

    def find_problems(self, spec: JobSpec) -> Iterable[str]:
        """Return what Vertex AI would refuse."""
        return find_vertex_problems(spec)

    def notes(self, spec: JobSpec) -> Iterable[str]:
        """Return what firelib does not know of the machines and regions."""
        return find_placement_notes(spec, VertexTarget.parse(spec.target))

    def preflight(self, spec: JobSpec) -> Iterable[str]:
        """Yield what registry and bucket say against the job."""
        return find_preflight_problems(spec)

    def plan(self, request: PlanRequest, project: Path, environ: Mapping[str, str]) -> Plan:  # noqa: ARG002
        """Return the plan: rented machines, at the prices and quotas of custom training."""
        missing = [*find_missing(request, "google.cloud.aiplatform", self.name)]
        if not environ.get("GOOGLE_CLOUD_PROJECT"):
            missing.append("GOOGLE_CLOUD_PROJECT")
        plan = plan_rented_machines(self.name, request, "training", missing)
        if not plan.is_rented:
            return plan
        disks = request.resources.disk_gib * request.replicas.count
        refusals = find_machine_rule_problems(request.resources, request.replicas.provisioning)
        notes = (*plan.notes, *(f"Vertex AI refuses this machine: {problem}" for problem in refusals))
        return replace(plan, quotas={**plan.quotas, TRAINING_DISK_QUOTA: disks}, notes=notes)

    def request(self, spec: JobSpec) -> Mapping[str, Any]:
        """Return one request for each placement, in the order in which they are tried, and that of `--register`."""
        target = VertexTarget.parse(spec.target)
        placements, name = list_placements(spec, target), target.register_model
        registration = {"registration": build_upload(spec, name, target.region[0])} if name else {}
        requests = [build_custom_job(spec, placement, number) for number, placement in enumerate(placements)]
        return {"requests": requests, **registration}

    def estimate_cost(self, spec: JobSpec) -> float | None:
        """Return the cost of the time limit in the dearest placement, with the price of the dearest region."""
        if spec.timeout_seconds is None:
            return None
        hourly = [_price(spec, placement) for placement in list_placements(spec, VertexTarget.parse(spec.target))]
        known = [each.highest_hourly for each in hourly if each is not None]
        if len(known) < len(hourly):
            return None
        return max(known) * (spec.timeout_seconds + GRACE_SECONDS) / 3600

    def submit(self, spec: JobSpec) -> Mapping[str, str]:
        """Run the preflight checks, upload the code, and create a CustomJob in the first placement that accepts it.

        Raises:
            FirelibError: A preflight check failed, no placement has capacity, or Vertex AI refuses.
        """
        refuse(
            self.preflight(spec),
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
        attempts, obstacle = _list_with_obstacle(record)
        attempt, has_run = attempts[-1], any(each.has_run for each in attempts)
        if _FAILURE in record.handle:
            return JobStatus("failed", StoppedError.exit_code if has_run else None, record.handle[_FAILURE])
        is_last = obstacle is None or choose_placement(record.spec, attempts, obstacle) is None
        if obstacle is None or (is_last and attempt.state != "queued"):
            return _explain_queue(attempt, attempt.status(obstacle, has_run))
        message = f"{obstacle} in placement {attempt.placement}; firelib logs {record.job_id} --follow moves the job on"
        return JobStatus("queued", None, message)

    def logs(self, record: JobRecord, follow: bool) -> Iterator[str]:  # noqa: ARG002  `open_log` follows
        """Yield what replica 0 of each attempt has written, as far as Cloud Logging has received it.

        Raises:
            LostConnectionError: Cloud Logging has not answered for 300 seconds.
        """
        read_on = self.open_log(record)
        for attempt in stamina.retry_context(on=LostConnectionError, attempts=None, timeout=_READ_SECONDS):
            with attempt:  # a log of many pages may use up the reads of a minute
                yield from read_on()

    def open_log(self, record: JobRecord) -> Callable[[], Iterator[str]]:
        """Return a function that yields what Cloud Logging has received since its last call, in order of arrival."""
        from firelib.launch.backends.vertex.logs.job_log import JobLog

        target = VertexTarget.parse(record.spec.target)
        return JobLog(
            target.project, target.endpoint, lambda: list_attempts(record.spec, _latest(record).handle[_NAME])
        ).read

    def cancel(self, record: JobRecord) -> None:
        """Cancel all attempts, and try no further placement."""
        record = _update_handle(_latest(record), {_CANCELLED: "true"})
        cancel_attempts(record.spec, record.handle[_NAME])

    def shell(self, record: JobRecord) -> Shell:
        """Return the command that opens the shell of replica 0 in a browser.

        Raises:
            FirelibError: The job does not enable Vertex AI's web access, or offers no shell (any more, or yet).
        """
        record = _latest(record)
        name = record.handle.get(_NAME, "")
        if record.spec.target.get(_WEB_ACCESS, "").lower() != "true":
            raise FirelibError(
                "web access is off in this job",
                where=name,
                remedy=f"submit it with --set {_WEB_ACCESS}=true, or read firelib logs {record.job_id} --follow",
            )
        attempt = list_attempts(record.spec, name)[-1]
        address = attempt.raw.get("webAccessUris", {}).get("workerpool0-0")
        if address is None:
            raise FirelibError(
                "Vertex AI offers no shell in this job at the moment",
                where=attempt.name,
                remedy="try again while the job runs",
            )
        return Shell(("python", "-m", "webbrowser", address), is_direct=False)

    def advance(self, record: JobRecord) -> JobRecord:
        """Submit a job again after a preemption, or in the next placement after a stock-out or too long a queue.

        The model of a job that has succeeded is registered, if `--register` asked for that.
        """
        record = _latest(record)
        if _FAILURE in record.handle:
            return record
        attempts, obstacle = _list_with_obstacle(record)
        if attempts[-1].state == "succeeded":
            return _register_model(record, attempts[-1])
        if obstacle is None:
            return record
        if attempts[-1].state == "queued":
            create_client(record.spec).cancel(attempts[-1].name)
        number = choose_placement(record.spec, attempts, obstacle)
        return record if number is None else _start_next(record, attempts[-1], obstacle, number)


def _latest(record: JobRecord) -> JobRecord:
    """Return the stored record: another process may have advanced the job since this one was read."""
    return read_record(Path(record.spec.project), record.job_id)


def _list_with_obstacle(record: JobRecord) -> tuple[list[CustomJobStatus], Obstacle | None]:
    """Return all attempts, the newest last, and why another one should follow."""
    attempts = list_attempts(record.spec, record.handle[_NAME])
    if _CANCELLED in record.handle:
        return attempts, None
    return attempts, attempts[-1].obstacle(record.spec.queue_seconds, datetime.now(UTC))


def _explain_queue(attempt: CustomJobStatus, status: JobStatus) -> JobStatus:
    """Say what a long time in the queue may mean: Vertex AI often queues a job for ever that exceeds a quota."""
    waited = attempt.queue_seconds(datetime.now(UTC))
    if status.state != "queued" or status.message or waited < _LONG_QUEUE_SECONDS:
        return status
    message = (
        f"queued for {waited / 60:.0f} min: no machines are free, or a quota is too small; "
        "firelib plan --to vertex names the quotas, and --queue-timeout limits the wait"
    )
    return replace(status, message=message)


def _price(spec: JobSpec, placement: Placement) -> Price | None:
    machine, gpu = placement.resources.machine, placement.resources.gpu
    return price(machine, gpu, spec.replicas.provisioning, spec.replicas.count, "training")


def _register_model(record: JobRecord, attempt: CustomJobStatus) -> JobRecord:
    """Register the model of a job once. The job has succeeded, so a refusal is a note; the next look tries again."""
    name = VertexTarget.parse(record.spec.target).register_model
    if name is None or _MODEL in record.handle:
        return record
    try:
        model = register_model(record.spec, name, attempt.name.split("/")[3])
    except FirelibError as error:
        note(f"model {name!r} is not registered: {error.what}; firelib status {record.job_id} tries again")
        return record
    note(f"registered {model}")
    return _update_handle(record, {_MODEL: model})


def _start_next(record: JobRecord, attempt: CustomJobStatus, obstacle: Obstacle, number: int) -> JobRecord:
    """Submit a job again in the placement with this number."""
    from firelib.launch.backends.vertex.client import CapacityError

    placements = list_placements(record.spec, VertexTarget.parse(record.spec.target))
    verb = "resuming" if number == attempt.placement else "trying"
    note(f"{placements[attempt.placement]}: {obstacle}; {verb} {placements[number]}")
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
