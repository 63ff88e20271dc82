"""Commands about pipelines of other platforms."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from firelib.cli import options
from firelib.cli.help import App

if TYPE_CHECKING:
    from firelib.launch.backends.kubeflow.kfp.pipeline import PipelineSpec

pipeline_app = App(help="The stages as a pipeline of Kubeflow or Vertex AI.")

_TABLE = "default: from images/digests.json, which make push writes"
_ExtractImage = Annotated[str | None, typer.Option(help=f"Image of extract, by digest; {_TABLE}.")]
_TransformImage = Annotated[str | None, typer.Option(help=f"Image of transform, by digest; {_TABLE}.")]
_TrainerImage = Annotated[str | None, typer.Option(help=f"Image of train and evaluate, by digest; {_TABLE}.")]
_Machine = Annotated[str | None, typer.Option(help="Machine type that the training fills.")]
_Cpus = Annotated[float | None, typer.Option(help="Cores of the training.")]
_MemoryGib = Annotated[float | None, typer.Option(help="Memory of the training, in GiB.")]
_Replicas = Annotated[
    int, typer.Option("--replicas", "-n", help="Pods that train; from 2 on, as a TrainJob that the pipeline sends.")
]
_Retries = Annotated[int, typer.Option(help="Number of restarts of a stage that failed.")]
_Caching = Annotated[bool, typer.Option("--cache/--no-cache", help="Skip stages whose image and inputs are unchanged.")]
_Env = Annotated[list[str] | None, typer.Option("--env", "-e", help="NAME=VALUE for every stage; no secrets.")]
_Secret = Annotated[list[str] | None, typer.Option(help="NAME=k8s:SECRET/KEY or gcp:… for every stage.")]


@pipeline_app.callback()
def _group() -> None:
    """The stages as a pipeline of Kubeflow or Vertex AI."""


@pipeline_app.command("compile")
def compile_(
    extract_image: _ExtractImage = None,
    transform_image: _TransformImage = None,
    trainer_image: _TrainerImage = None,
    machine: _Machine = None,
    gpu: options.Gpu = None,
    cpus: _Cpus = None,
    memory_gib: _MemoryGib = None,
    replicas: _Replicas = 1,
    retries: _Retries = 2,
    cache: _Caching = True,
    env: _Env = None,
    secret: _Secret = None,
    setting: options.Setting = None,
    to: Annotated[Literal["kubeflow", "vertex"], typer.Option("--to", help="Where the pipeline runs.")] = "kubeflow",
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("pipeline.yaml"),
) -> None:
    """Write the pipeline extract → transform → train → evaluate as a file for Kubeflow or Vertex AI.

    Examples: `firelib pipeline compile --output pipeline.yaml`
    """
    from firelib import storage
    from firelib.console import note
    from firelib.launch.backends.kubeflow.kfp.pipeline import compile_pipeline

    images = {"extract": extract_image, "transform": transform_image, "trainer": trainer_image}
    resources = {"cpus": cpus, "memory_gib": memory_gib, "gpu": gpu, "machine": machine}
    training = {"replicas": replicas, "retries": retries, "caching": cache}
    spec = _build_spec(images, resources, env, secret, setting, {**training, "platform": to})
    storage.write_bytes(str(output), compile_pipeline(spec).encode())
    note(f"wrote {output}")


@pipeline_app.command()
def run(
    host: Annotated[
        str, typer.Option(envvar="KF_PIPELINES_ENDPOINT", help="Address of Kubeflow Pipelines.")
    ] = "http://localhost:8080",
    extract_image: _ExtractImage = None,
    transform_image: _TransformImage = None,
    trainer_image: _TrainerImage = None,
    machine: _Machine = None,
    gpu: options.Gpu = None,
    cpus: _Cpus = None,
    memory_gib: _MemoryGib = None,
    replicas: _Replicas = 1,
    retries: _Retries = 2,
    cache: _Caching = True,
    env: _Env = None,
    secret: _Secret = None,
    setting: options.Setting = None,
    dry_run: options.DryRun = False,
) -> None:
    """Upload this project's code and start the pipeline in Kubeflow Pipelines. KFP_TOKEN signs in, if it is set.

    Examples: `firelib pipeline run --dry-run` · `firelib pipeline run --host http://localhost:8080`
    """
    from firelib.console import note
    from firelib.launch.backends.kubeflow.kfp.run import build_run, start_run
    from firelib.launch.client import request_json

    images = {"extract": extract_image, "transform": transform_image, "trainer": trainer_image}
    resources = {"cpus": cpus, "memory_gib": memory_gib, "gpu": gpu, "machine": machine}
    training = {"replicas": replicas, "retries": retries, "caching": cache}
    spec = _build_spec(images, resources, env, secret, setting, training)
    request = build_run(spec, *_project_and_root())
    if dry_run:
        request_json.show_request(request.as_json())
        return
    run_id = start_run(request, host, spec.target.get("namespace"), os.environ.get("KFP_TOKEN"))
    note(f"started run {run_id}: {host}/#/runs/details/{run_id}")
    typer.echo(run_id)


def _build_spec(
    images: dict[str, str | None],
    resources: dict[str, Any],
    env: list[str] | None,
    secrets: list[str] | None,
    settings: list[str] | None,
    others: dict[str, Any],
) -> "PipelineSpec":
    """Return the pipeline that the options describe. Stages inherit settings of tracking, such as WANDB_PROJECT."""
    from firelib.cli.project import current_options
    from firelib.console import note
    from firelib.launch.backends.kubeflow.kfp.pipeline import PipelineSpec, complete_images
    from firelib.launch.client.cli_values import parse_pairs
    from firelib.launch.field_errors import parse_fields
    from firelib.launch.job_environment import select_forwarded
    from firelib.launch.job_spec import Resources
    from firelib.launch.machine_checks import find_machine_notes
    from firelib.project_layout import find_project

    spec = PipelineSpec(
        {component: image for component, image in images.items() if image},
        parse_fields(Resources, resources, where="the command line"),
        env={**select_forwarded(os.environ), **parse_pairs(env, "--env")},
        secrets=parse_pairs(secrets, "--secret"),
        target=parse_pairs(settings, "--set"),
        **others,
    )
    for text in find_machine_notes(spec.resources):
        note(text)
    if spec.sends_training:
        note("the image of the training needs the client of Kubernetes: make images IMAGE_EXTRAS=kubeflow")
    return complete_images(spec, find_project(current_options().params))


def _project_and_root() -> tuple[Path, str | None]:
    from firelib.cli.project import load_project

    current = load_project()
    return current.paths.project, current.params.storage.root
