"""Commands about jobs: send one, see how it stands, read what it wrote, end it."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from firelib.cli.project import Project, options_given, project
from firelib.errors import FirelibError

if TYPE_CHECKING:
    from firelib.launch.backend import Backend
    from firelib.launch.job_record import JobRecord

_JobId = Annotated[str, typer.Argument(help="The job's id, as firelib submit shows it.")]
_Pairs = list[str] | None
_EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    for command in (submit, plan, status, logs, cancel, fetch):
        app.command()(command)
    app.command("in-job", hidden=True, context_settings=_EXTRA)(in_job)
    app.command("job-outputs", hidden=True)(job_outputs)


def submit(
    stage: Annotated[
        list[str] | None, typer.Argument(help="After --: the stage and its options; default: firelib train.")
    ] = None,
    to: Annotated[str, typer.Option("--to", help="local, docker, ray, vertex or kubeflow.")] = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Do not stay with the job; show its id.")] = False,
    replicas: Annotated[int, typer.Option("-n", "--replicas", help="Machines or containers.")] = 1,
    image: Annotated[str | None, typer.Option(help="Container image, best by digest.")] = None,
    machine: Annotated[str | None, typer.Option(help="Machine type, such as g2-standard-8.")] = None,
    gpu: Annotated[str | None, typer.Option(help="GPUs of each replica: l4, or t4:2.")] = None,
    cpus: Annotated[float | None, typer.Option(help="Cores of each replica.")] = None,
    memory_gib: Annotated[float | None, typer.Option(help="Memory of each replica.")] = None,
    buying: Annotated[Literal["on-demand", "spot", "flex-start"], typer.Option(help="How to rent.")] = "on-demand",
    restarts: Annotated[int, typer.Option(help="How often to start again what failed.")] = 0,
    timeout: Annotated[int | None, typer.Option(help="Seconds after which the job ends.")] = None,
    queue_timeout: Annotated[int | None, typer.Option(help="Seconds to wait for a start.")] = None,
    env: Annotated[_Pairs, typer.Option("--env", "-e", help="NAME=VALUE for the stage; no secrets.")] = None,
    secret: Annotated[_Pairs, typer.Option(help="NAME=env:NAME, file:PATH, gcp:… or k8s:….")] = None,
    label: Annotated[_Pairs, typer.Option(help="KEY=VALUE, for bills and for finding the job.")] = None,
    kill_replica: Annotated[
        str | None, typer.Option(help="A drill for --to docker: 1@60s kills replica 1 after a minute.")
    ] = None,
    setting: Annotated[_Pairs, typer.Option("--set", help="NAME=VALUE for the backend, such as address=….")] = None,
) -> None:
    """Send a stage to where it shall run, and stay with it until it is over.

    Examples: `firelib submit` · `firelib submit --to ray -- firelib train --fresh` · `firelib submit --dry-run`
    """
    from firelib.launch.backends.registry import load_backend, validate_job
    from firelib.launch.client.cli_values import pairs
    from firelib.launch.client.request_json import show_request
    from firelib.launch.job_spec import JobSpec, Replicas, Resources, new_job_id, parse_gpu, stage_of

    here, chosen = project(), load_backend(to)
    command = tuple(stage or ("firelib", "train"))
    spec = JobSpec(
        command=command,
        job_id=new_job_id(stage_of(command) or "job"),
        project=str(here.paths.project),
        image=image,
        env={**_passed_on(), **pairs(env, "--env")},
        secrets=pairs(secret, "--secret"),
        resources=Resources(cpus, memory_gib, parse_gpu(gpu), machine),
        replicas=Replicas(replicas, buying, restarts),
        timeout_seconds=timeout,
        queue_seconds=queue_timeout,
        labels=pairs(label, "--label"),
        storage_root=here.paths.root if chosen.mounts_storage_root else _shared_root(here),
        target={**chosen.default_target(os.environ), **_drill(kill_replica), **pairs(setting, "--set")},
    )
    if dry_run:
        show_request(validate_job(to, spec).request(spec))
        return
    from firelib.launch.client.submit_and_wait import attend, refuse_failure, send

    record = send(to, spec)
    typer.echo(record.job_id)
    if not detach:
        ended = attend(chosen, record)
        refuse_failure(record, ended)
        _bring_back(record)


def plan(
    to: Annotated[str, typer.Option("--to", help="local, docker, ray, vertex, kubeflow or all.")] = "all",
    replicas: Annotated[int, typer.Option("-n", "--replicas", help="Machines or containers.")] = 1,
    machine: Annotated[str | None, typer.Option(help="Machine type, such as g2-standard-8.")] = None,
    gpu: Annotated[str | None, typer.Option(help="GPUs of each replica: l4, or t4:2.")] = None,
    region: Annotated[str | None, typer.Option(help="Region of Google Cloud.")] = None,
    buying: Annotated[Literal["on-demand", "spot", "flex-start"], typer.Option(help="How to rent.")] = "on-demand",
) -> None:
    """Say what a job would take on each backend: machines, price, quotas, what is missing. Nothing is sent or asked.

    `--to ray` goes by cluster/cluster.yaml where that is there.
    """
    from firelib.launch.client.plan import Wish, plans
    from firelib.launch.client.plan_table import show_plans
    from firelib.launch.job_spec import Replicas, Resources, parse_gpu, refuse
    from firelib.project_layout import project_of

    wish = Wish(Resources(gpu=parse_gpu(gpu), machine=machine), Replicas(replicas, buying), region)
    refuse([*wish.resources.problems(), *wish.replicas.problems()], where="the command line")
    show_plans(plans(to, wish, project_of(options_given().params)))


def _passed_on() -> dict[str, str]:
    from firelib.launch.job_environment import passed_on

    return passed_on(os.environ)


def _shared_root(here: Project) -> str | None:
    from firelib.launch.job_environment import shared_root

    return shared_root(here.params.storage.root)


def _drill(kill_replica: str | None) -> dict[str, str]:
    return {"kill_replica": kill_replica} if kill_replica else {}


def _bring_back(record: "JobRecord") -> None:
    from firelib.console import note
    from firelib.launch.backends.registry import load_backend

    chosen = load_backend(record.backend)
    if chosen.returns_outputs:
        names = chosen.fetch_outputs(record)
        note(f"brought back: {', '.join(names) or 'nothing new'}")


def send_stage(here: Project) -> bool:
    """Whether this stage was sent to a Ray cluster, as FIRELIB_RAY_ADDRESS asks; then it is over and well."""
    from firelib.launch.backends.registry import load_backend
    from firelib.launch.client.submit_and_wait import attend, refuse_failure, send
    from firelib.launch.job_spec import JobSpec, new_job_id, stage_of

    if not here.environment.ray_address:
        return False
    command = ("firelib", *_words(here.paths.project))
    stage, chosen = stage_of(command), load_backend("ray")
    spec = JobSpec(
        command=command,
        job_id=new_job_id(stage),
        project=str(here.paths.project),
        env=_passed_on(),
        storage_root=_shared_root(here),
        target=chosen.default_target(os.environ),
    )
    record = send("ray", spec)
    refuse_failure(record, attend(chosen, record))
    _bring_back(record)
    return True


def _words(folder: Path) -> list[str]:
    """The words of this command line, the path of the parameters relative to the project."""
    words = sys.argv[1:]
    if "--params" in words:
        place = words.index("--params") + 1
        words[place] = str(options_given().params.absolute().relative_to(folder))
    return words


def status(job_id: _JobId) -> None:
    """Say how a job stands; the exit code is 0 unless it failed or was cancelled."""
    chosen, record = _job(job_id)
    found = chosen.status(record)
    said = f": {found.message}" if found.message else ""
    typer.echo(f"{job_id} on {record.backend}: {found.state}{said}")
    raise typer.Exit(found.code if found.is_over else 0)


def logs(
    job_id: _JobId, follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the job is over.")] = False
) -> None:
    """Show what a job has written."""
    from firelib.launch.client.log_follower import follow as follow_job

    chosen, record = _job(job_id)
    if follow:
        raise typer.Exit(follow_job(chosen, record, lambda text: typer.echo(text, nl=False)).code)
    for chunk in chosen.logs(record, False):
        typer.echo(chunk, nl=False)


def cancel(job_id: _JobId) -> None:
    """End a job; training saves a checkpoint first."""
    chosen, record = _job(job_id)
    chosen.cancel(record)
    typer.echo(f"{job_id} on {record.backend}: asked to end")


def fetch(job_id: _JobId) -> None:
    """Bring back what a finished job has made: manifest, metrics, plots, model."""
    chosen, record = _job(job_id)
    if not chosen.returns_outputs:
        raise FirelibError(f"a job of backend {record.backend} leaves its outputs where it ran", remedy="see its logs")
    _bring_back(record)


def _job(job_id: str) -> "tuple[Backend, JobRecord]":
    from firelib.launch.backends.registry import load_backend
    from firelib.launch.job_record import read_record
    from firelib.project_layout import project_of

    record = read_record(project_of(options_given().params), job_id)
    return load_backend(record.backend), record


def in_job(context: typer.Context) -> None:
    """Run a stage as a job on this host."""
    from firelib.launch.runtime.ray_job import job_stage

    with job_stage(Path.cwd(), _job_root()):
        group = context.find_root().command
        code = group.main(context.args, prog_name="firelib", standalone_mode=False)
    raise typer.Exit(code or 0)


def job_outputs(job_id: _JobId) -> None:
    """Print what a job left, as text."""
    from firelib import storage
    from firelib.launch.backends.ray.output_download import encode_archive
    from firelib.launch.transfer.output_archive import outputs_uri

    typer.echo(encode_archive(storage.read_bytes(outputs_uri(_job_root(), job_id))))


def _job_root() -> str:
    from firelib.config import load_environment
    from firelib.job_context import shared_root

    return shared_root(load_environment().storage_root or "")
