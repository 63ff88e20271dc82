"""Commands about jobs: submit, follow, cancel and fetch them."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from firelib.cli import options
from firelib.cli.jobs.description import COMMAND_LINE, describe_job, project_root
from firelib.cli.project import Project, current_options
from firelib.errors import FirelibError, StoppedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firelib.launch.backend import Backend
    from firelib.launch.client.job_description import JobDescription
    from firelib.launch.job_record import JobRecord
    from firelib.launch.job_spec import JobSpec

_EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_to(app: typer.Typer) -> None:
    """Add the commands about jobs to the command line."""
    for command in (submit, status, logs, cancel, fetch):
        app.command()(command)
    app.command("in-job", hidden=True, context_settings=_EXTRA)(in_job)
    app.command("job-outputs", hidden=True)(job_outputs)


def submit(
    stage: options.Stage = None,
    file: options.JobFile = None,
    to: options.To = None,
    dry_run: options.DryRun = False,
    detach: options.Detach = False,
    replicas: options.Replicas = None,
    min_replicas: options.MinReplicas = None,
    image: options.Image = None,
    machine: options.Machine = None,
    gpu: options.Gpu = None,
    cpus: options.Cpus = None,
    memory_gib: options.MemoryGib = None,
    provisioning: options.Provisioning = None,
    buying: options.Buying = None,
    restarts: options.Restarts = None,
    timeout: options.Timeout = None,
    queue_timeout: options.QueueTimeout = None,
    env: options.Env = None,
    secret: options.Secret = None,
    label: options.Label = None,
    max_cost: options.MaxCost = None,
    register: options.Register = None,
    kill_replica: options.KillReplica = None,
    setting: options.Setting = None,
) -> None:
    """Run a stage as a job, and follow it until it is over.

    Examples: `firelib submit` · `firelib submit --to ray -- firelib train --fresh` · `firelib submit -f job.yaml`
    """
    from firelib.launch.client.cli_values import parse_pairs

    resolved = options.resolve_provisioning(provisioning, buying)
    given = {
        "to": to,
        "command": stage or None,
        "image": image,
        "env": parse_pairs(env, "--env"),
        "secrets": parse_pairs(secret, "--secret"),
        "resources": {"cpus": cpus, "memory_gib": memory_gib, "gpu": gpu, "machine": machine},
        "replicas": {"count": replicas, "minimum": min_replicas, "provisioning": resolved, "restarts": restarts},
        "timeout_seconds": timeout,
        "queue_seconds": queue_timeout,
        "labels": parse_pairs(label, "--label"),
        "target": {"kill_replica": kill_replica, "register_model": register, **parse_pairs(setting, "--set")},
    }
    described = describe_job(file, given)
    if described.is_whole_run:
        _submit_run(described, dry_run, detach, max_cost)
        return
    backend, spec = described.backend.name, described.parse()
    if max_cost is not None:
        _limit_cost(backend, [spec], max_cost)
    if dry_run:
        show_request(backend, spec)
    else:
        _run_job(backend, spec, detach)


def _submit_run(described: "JobDescription", dry_run: bool, detach: bool, max_cost: float | None) -> None:
    """Send `firelib run` as one job for each stage, or print the requests."""
    from firelib.console import note
    from firelib.launch.client import request_json
    from firelib.launch.client.code_preview import preview_code
    from firelib.launch.client.planning.gpu_use import note_gpu_use
    from firelib.launch.client.whole_run.remote_run import send_run
    from firelib.launch.client.whole_run.stage_jobs import split_run

    run, specs = split_run(described)
    if max_cost is not None:
        _limit_cost(described.backend.name, list(specs.values()), max_cost)
    for text in dict.fromkeys(text for spec in specs.values() for text in described.backend.notes(spec)):
        note(text)
    if "train" in specs:
        note_gpu_use(specs["train"])
    if dry_run:
        if described.backend.sends_code:
            preview_code(run)
        request_json.show_request({stage: described.backend.request(spec) for stage, spec in specs.items()})
        return
    record = send_run(described.backend, run, specs)
    typer.echo(record.job_id)
    if not detach:
        _finish_job(record)


def show_request(backend: str, spec: "JobSpec") -> None:
    """Print the request that would be sent for a job.

    Args:
        backend: Name of the backend.
        spec: The job.

    Raises:
        FirelibError: The backend would refuse the job, or the project's files contain secrets.
    """
    from firelib.console import note
    from firelib.launch.backends.registry import validate_job
    from firelib.launch.client import request_json
    from firelib.launch.client.code_preview import preview_code
    from firelib.launch.client.planning.gpu_use import note_gpu_use

    chosen = validate_job(backend, spec)
    for text in chosen.notes(spec):
        note(text)
    if chosen.sends_code:
        preview_code(spec)
    note_gpu_use(spec)
    request_json.show_request(chosen.request(spec))


def _limit_cost(name: str, specs: "Sequence[JobSpec]", limit: float) -> None:
    from firelib.launch.backends.registry import validate_job
    from firelib.launch.client.planning.cost_limit import refuse_expensive_jobs

    backends = [validate_job(name, spec) for spec in specs]
    refuse_expensive_jobs(backends[0], specs, limit)


def _run_job(name: str, spec: "JobSpec", detach: bool) -> None:
    from firelib.launch.backends.registry import require_packages
    from firelib.launch.client.planning.gpu_use import note_gpu_use
    from firelib.launch.client.stage_inputs import provide_inputs
    from firelib.launch.client.submit_and_wait import send

    require_packages(name)
    note_gpu_use(spec)
    record = send(name, spec, provide_inputs)
    typer.echo(record.job_id)
    if not detach:
        _finish_job(record)


def _finish_job(record: "JobRecord") -> None:
    """Follow a job until it is over, then fetch its outputs."""
    from firelib.launch.backends.registry import load_backend
    from firelib.launch.client.submit_and_wait import raise_for_status, wait_for_job

    raise_for_status(record, wait_for_job(load_backend(record.backend), record))
    _fetch_outputs(record)


def follow_detachable(record: "JobRecord") -> None:
    """Follow a job until it is over, then fetch its outputs; Ctrl-C and SIGTERM leave the job running.

    Raises:
        StoppedError: Ctrl-C or SIGTERM ended this command; the job goes on.
        FirelibError: The job did not succeed, or its outputs did not arrive.
    """
    from firelib.launch.backends.registry import load_backend
    from firelib.launch.client.log_follower import follow as follow_job
    from firelib.launch.client.submit_and_wait import raise_for_status, write_output

    try:
        status = follow_job(load_backend(record.backend), record, write_output)
    except KeyboardInterrupt:
        raise StoppedError(
            f"job {record.job_id} goes on without this command",
            where=f"backend {record.backend}",
            remedy=f"firelib logs {record.job_id} --follow, then firelib fetch {record.job_id}; "
            f"firelib cancel {record.job_id} ends it",
        ) from None
    raise_for_status(record, status)
    _fetch_outputs(record)


def _fetch_outputs(record: "JobRecord") -> None:
    from firelib.console import note
    from firelib.launch.backends.registry import load_backend
    from firelib.stage_records.store import prune_job_records

    backend = load_backend(record.backend)
    if backend.returns_outputs:
        names = backend.fetch_outputs(record)
        prune_job_records(Path(record.spec.project))
        note(f"fetched: {', '.join(names) or 'nothing new'}")


def send_stage(current: Project) -> bool:
    """Run this stage as a job elsewhere, if FIRELIB_RAY_ADDRESS or a whole run of `firelib submit` says so.

    Returns:
        Whether the stage has run there.
    """
    if not current.environment.sends_stages:
        return False
    from firelib.launch.client.stage_inputs import provide_inputs
    from firelib.launch.client.submit_and_wait import send

    _finish_job(send(*_find_stage_job(current), provide_inputs))
    return True


def _find_stage_job(current: Project) -> "tuple[str, JobSpec]":
    """Return the backend and the job of this stage."""
    from firelib.launch.backends.registry import load_backend
    from firelib.launch.client.whole_run.remote_run import read_stage_job
    from firelib.launch.job_environment import select_forwarded
    from firelib.launch.job_spec import parse_job

    command = ("firelib", *_stage_arguments(current.paths.project))
    if current.environment.submit:
        return read_stage_job(current.environment.submit, command)
    fields = {
        "command": command,
        "project": str(current.paths.project),
        "env": select_forwarded(os.environ),
        "storage_root": project_root(current),
        "target": load_backend("ray").default_target(os.environ),
    }
    return "ray", parse_job(fields, COMMAND_LINE)


def _stage_arguments(folder: Path) -> list[str]:
    """Arguments of this command line, with the path of the parameters relative to the project."""
    arguments = sys.argv[1:]
    if "--params" in arguments:
        index = arguments.index("--params") + 1
        arguments[index] = str(current_options().params.absolute().relative_to(folder))
    return arguments


def status(job_id: options.JobId) -> None:
    """Show the state of a job; the exit code is 0 unless the job failed or was cancelled.

    Examples: `firelib status ID`
    """
    chosen, record = find_job(job_id)
    current = chosen.status(record)
    message = f": {current.message}" if current.message else ""
    typer.echo(f"{job_id} on {record.environment}: {current.state}{message}")
    if current.is_over:
        chosen.advance(record)  # releases what a job that nobody followed still occupies, its secrets above all
    raise typer.Exit(current.code if current.is_over else 0)


def logs(job_id: options.JobId, follow: options.Follow = False) -> None:
    """Show the log of a job.

    Examples: `firelib logs ID` · `firelib logs ID --follow`
    """
    from firelib.launch.client.log_follower import follow as follow_job

    chosen, record = find_job(job_id)
    if follow:
        raise typer.Exit(follow_job(chosen, record, lambda text: typer.echo(text, nl=False)).code)
    for chunk in chosen.logs(record, False):
        typer.echo(chunk, nl=False)


def cancel(job_id: options.JobId) -> None:
    """Cancel a job; training saves a checkpoint first.

    Examples: `firelib cancel ID`
    """
    from firelib.launch.client.whole_run.remote_run import cancel_stages

    chosen, record = find_job(job_id)
    chosen.cancel(record)
    if record.is_whole_run and chosen.status(record).is_over:
        cancel_stages(record)
    typer.echo(f"{job_id} on {record.environment}: cancelling")


def fetch(job_id: options.JobId) -> None:
    """Fetch the outputs of a finished job: manifest, metrics, plots, model.

    Examples: `firelib fetch ID`
    """
    chosen, record = find_job(job_id)
    if not chosen.returns_outputs:
        raise FirelibError(
            f"a job of backend {record.backend} writes its outputs into the project; there is nothing to fetch",
            where=f"job {job_id}",
            remedy=f"look into {record.spec.project}, or run firelib logs {job_id}",
        )
    _fetch_outputs(record)


def find_job(job_id: str) -> "tuple[Backend, JobRecord]":
    """Find a job of this project, and its backend.

    Raises:
        FirelibError: The project has no record of this job.
    """
    from firelib.launch.backends.registry import load_backend
    from firelib.launch.job_record import read_record
    from firelib.project_layout import find_project

    record = read_record(find_project(current_options().params), job_id)
    return load_backend(record.backend), record


def in_job(context: typer.Context) -> None:
    """Run a stage as a job on this host."""
    from firelib.launch.runtime.ray_job import job_stage

    with job_stage(Path.cwd(), _job_root()):
        group = context.find_root().command
        code = group.main(context.args, prog_name="firelib", standalone_mode=False)
    raise typer.Exit(code or 0)


def job_outputs(job_id: options.JobId) -> None:
    """Print the archive of a job's outputs as text."""
    from firelib import storage
    from firelib.launch.backends.ray.output_download import encode_archive
    from firelib.launch.transfer.output_archive import outputs_uri

    typer.echo(encode_archive(storage.read_bytes(outputs_uri(_job_root(), job_id))))


def _job_root() -> str:
    from firelib.config import load_environment
    from firelib.job_context import validate_shared_root

    return validate_shared_root(load_environment().storage_root or "")
