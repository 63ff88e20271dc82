"""Backend `vertex`: custom training on Vertex AI, the same image and the same program as everywhere.

A job is tried in one place after the other; each try is a CustomJob with the job's id as a label. Where it stands is
read from those labels, so that a caller that died leaves nothing that `firelib status` and `cancel` do not find.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.backend import JobStatus
from firelib.launch.backends.vertex.job_states import Obstacle, Seen
from firelib.launch.backends.vertex.placements import places
from firelib.launch.backends.vertex.preflight import what_is_missing
from firelib.launch.backends.vertex.request import JOB_LABEL, custom_job
from firelib.launch.backends.vertex.request_checks import vertex_problems
from firelib.launch.job_record import JobRecord, read_record, write_record
from firelib.launch.job_spec import JobSpec, refuse
from firelib.launch.transfer.code_transfer import send_code

if TYPE_CHECKING:
    from firelib.launch.backends.vertex.client import CustomJobs

SETTINGS: Mapping[str, str] = {
    "project": "id of the Google Cloud project; default: GOOGLE_CLOUD_PROJECT",
    "region": "where, such as europe-west4; several with commas are tried in that order",
    "machines": "machine types to try after --machine, such as g2-standard-12,n1-standard-8+t4:1",
    "service_account": "identity of the job, NAME@PROJECT.iam.gserviceaccount.com",
    "network": "projects/NUMBER/global/networks/NAME, for private addresses",
    "tensorboard": "projects/P/locations/REGION/tensorboards/NUMBER",
    "output": "gs:// folder for what Vertex AI calls the base output directory; default: in the storage root",
    "bucket_region": "where the bucket is, to be compared with the job's regions before sending",
    "endpoint": "another address of the service",
}


def problems(spec: JobSpec) -> list[str]:
    """What Vertex AI would refuse."""
    return list(vertex_problems(spec))


def request(spec: JobSpec) -> Mapping[str, Any]:
    """One request for each place, in the order in which they are tried."""
    return {"requests": [custom_job(spec, place, number) for number, place in enumerate(places(spec))]}


def submit(spec: JobSpec) -> Mapping[str, str]:
    """Look whether all is there, leave the project in the bucket and ask for machines, in one place after the other.

    Raises:
        FirelibError: The image or the bucket does not suit, no place has room, or Vertex AI refuses.
    """
    refuse(
        what_is_missing(spec), where=f"job {spec.job_id} for vertex", remedy="docs/vertex.md says what has to be there"
    )
    send_code(spec)
    try:
        found = _ask_from(spec, 0)
    except BaseException:
        with suppress(FirelibError):  # the first error says more
            sweep(spec)
        raise
    return {"name": found.name}


def _ask_from(spec: JobSpec, first: int) -> Seen:
    """A CustomJob in the first place from this one on that takes it."""
    from firelib.launch.backends.vertex.client import NoRoomError

    jobs, there = _jobs(spec), places(spec)
    for number in range(first, len(there)):
        try:
            return jobs.create(custom_job(spec, there[number], number))
        except NoRoomError as error:
            if number == len(there) - 1:
                raise
            note(f"{there[number]}: {str(error).partition(chr(10))[0]}; trying {there[number + 1]}")
    raise AssertionError("the last place returns or raises")


def _jobs(spec: JobSpec) -> "CustomJobs":
    from firelib.launch.backends.vertex.client import CustomJobs

    return CustomJobs(spec.target["project"], spec.target.get("endpoint"))


def tries(spec: JobSpec, known: str | None = None) -> list[Seen]:
    """All CustomJobs of a job, the newest try last.

    Args:
        spec: The job.
        known: Name of one of them; a list may not show a new one yet.
    """
    jobs = _jobs(spec)
    regions = dict.fromkeys(place.region for place in places(spec))
    found = {seen.name: seen for region in regions for seen in jobs.labelled(region, JOB_LABEL, spec.job_id)}
    if known is not None and known not in found:
        found[known] = jobs.get(known)
    return sorted(found.values(), key=lambda seen: (seen.number, seen.name))


def status(record: JobRecord) -> JobStatus:
    """How the newest try stands. One that found no room, waited too long or was preempted is followed by the next."""
    spec, now = record.spec, datetime.now(UTC)
    newest = tries(spec, _known(record))[-1]
    obstacle = newest.obstacle(spec.queue_seconds, now)
    if obstacle is None:
        return newest.status()
    if newest.state == "queued":
        _jobs(spec).cancel(newest.name)
    return _next(record, newest, obstacle)


def _known(record: JobRecord) -> str:
    """Name of the last try that was sent: a list may not show it yet, and it must not be sent twice."""
    return read_record(Path(record.spec.project), record.job_id).handle["name"]


def _next(record: JobRecord, newest: Seen, obstacle: Obstacle) -> JobStatus:
    """Try the next place, if there is one, and keep its name in the record."""
    from firelib.launch.backends.vertex.client import NoRoomError

    spec = record.spec
    there = places(spec)
    if newest.number + 1 >= len(there):
        return newest.status(obstacle)
    note(f"{there[newest.number]}: {obstacle}; trying {there[newest.number + 1]}")
    try:
        sent = _ask_from(spec, newest.number + 1)
    except NoRoomError as error:
        return JobStatus("failed", None, str(error).partition("\n")[0])
    write_record(Path(spec.project), replace(record, handle={"name": sent.name}))
    return sent.status()


def logs(record: JobRecord, follow: bool) -> Iterator[str]:  # noqa: ARG001  `follow` reads again and again
    """What replica 0 of each try has written, as far as Cloud Logging has it."""
    from firelib.launch.backends.vertex.logs import entries

    spec = record.spec
    for seen in tries(spec, _known(record)):
        yield from entries(spec.target["project"], seen.name.rpartition("/")[2], spec.target.get("endpoint"))


def cancel(record: JobRecord) -> None:
    """End all tries."""
    sweep(record.spec, _known(record))


def sweep(spec: JobSpec, known: str | None = None) -> None:
    """End whatever carries a job's label and is not over."""
    jobs = _jobs(spec)
    for seen in tries(spec, known):
        if not seen.status().is_over:
            jobs.cancel(seen.name)
