"""Send `firelib run` as one job for each stage, and show it as one job.

A process of this machine, a job of backend `local`, runs `firelib run`: DVC decides which stages are stale, as always.
Each stage finds its job in the file that the variable FIRELIB_SUBMIT names, sends it, follows it and fetches its
outputs. So stop, resume, cancel and the log are those of the process, and dvc.lock records what has run.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.backend import Backend
from firelib.launch.backends.registry import load_backend, require_packages
from firelib.launch.client.code_preview import preview_code
from firelib.launch.client.whole_run.stage_jobs import find_preflight_problems
from firelib.launch.job_environment import STAGE_JOBS
from firelib.launch.job_record import STAGES_SENT_TO, JobRecord, read_records, record_folder, write_record
from firelib.launch.job_spec import JobSpec, parse_job, parse_stage, refuse

_FILE = "stages.json"


def send_run(backend: Backend, run: JobSpec, specs: dict[str, JobSpec]) -> JobRecord:
    """Check the jobs of all stages, then start the process that sends them one after the other.

    Args:
        backend: The backend of the stages.
        run: The whole run.
        specs: Stage → its job.

    Returns:
        The record of the whole run.

    Raises:
        FirelibError: A check failed (all reasons are named), or the project's files contain secrets.
    """
    require_packages(backend.name)
    refuse(
        find_preflight_problems(backend, specs),
        where=f"job {run.job_id} for {backend.name}",
        remedy="nothing was sent; correct this, then run the same command again",
    )
    if backend.sends_code:
        preview_code(run)
    local = load_backend("local")
    file = record_folder(Path(run.project), run.job_id) / _FILE
    driver = _describe_driver(run, file)
    refuse(local.validate(driver), where=f"job {run.job_id}")
    jobs = {stage: spec.as_json() for stage, spec in specs.items()}
    storage.write_bytes(str(file), storage.to_json({"backend": backend.name, "stages": jobs}))
    record = JobRecord(driver, local.name, {**local.submit(driver), STAGES_SENT_TO: backend.name})
    write_record(Path(run.project), record)
    return record


def _describe_driver(run: JobSpec, file: Path) -> JobSpec:
    """The process that runs `firelib run` on this machine."""
    fields = {
        "command": run.command,
        "job_id": run.job_id,
        "project": run.project,
        "env": {STAGE_JOBS: str(file)},
        "storage_root": run.storage_root,
        "labels": run.labels,
    }
    return parse_job(fields)


def read_stage_job(file: Path, command: Sequence[str]) -> tuple[str, JobSpec]:
    """Return the backend and the job of a stage that `firelib run` has started.

    Args:
        file: The file that `send_run` has written.
        command: The stage and its options, as dvc.yaml has them.

    Raises:
        FirelibError: The file is gone, the stage is none of those that were checked, or an earlier job of this stage
            still runs.
    """
    stage = parse_stage(command)
    if not file.is_file():
        raise FirelibError("the description of the jobs is gone", where=str(file), remedy="submit the run again")
    raw = storage.read_json(str(file))
    if stage not in raw["stages"]:
        remedy = f"send it as a job of its own: firelib submit --to {raw['backend']} -- firelib {stage}"
        raise FirelibError(f"firelib run sends no job of stage {stage!r}", where=str(file), remedy=remedy)
    spec = JobSpec.from_json(raw["stages"][stage])
    project = Path(spec.project)
    earlier = read_records(project)
    _refuse_running(raw["backend"], [record for record in earlier if record.spec.command == tuple(command)])
    taken = sum(record.job_id.startswith(spec.job_id) for record in earlier)
    job_id = f"{spec.job_id}-{taken + 1}" if taken else spec.job_id
    return raw["backend"], replace(spec, command=tuple(command), job_id=job_id)


def _refuse_running(backend: str, earlier: Sequence[JobRecord]) -> None:
    """Refuse a second job of a command while the newest one runs: the process here was killed, but the job goes on."""
    newest = next((record for record in reversed(earlier) if record.backend == backend), None)
    if newest is None or load_backend(backend).status(newest).is_over:
        return
    raise FirelibError(
        f"job {newest.job_id} of the same stage still runs",
        where=f"backend {backend}",
        remedy=f"firelib logs {newest.job_id} --follow, then firelib fetch {newest.job_id}; or firelib cancel "
        f"{newest.job_id}; then run the same command again",
    )


def cancel_stages(run: JobRecord) -> None:
    """Cancel what still runs of a whole run whose process on this machine was killed.

    Args:
        run: The record of the whole run.
    """
    for record in read_records(Path(run.spec.project)):
        if not record.is_stage_of(run):
            continue
        backend = load_backend(record.backend)
        if not backend.status(record).is_over:
            backend.cancel(record)
