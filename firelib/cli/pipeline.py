"""Commands about pipelines of other platforms."""

from pathlib import Path
from typing import Annotated

import typer

from firelib.cli import options
from firelib.cli.help import App

pipeline_app = App(help="The stages as a pipeline of Kubeflow or Vertex AI.")


@pipeline_app.callback()
def _group() -> None:
    """The stages as a pipeline of Kubeflow or Vertex AI."""


@pipeline_app.command("compile")
def compile_(
    extract_image: Annotated[str | None, typer.Option(help="Image of extract, by digest.")] = None,
    transform_image: Annotated[str | None, typer.Option(help="Image of transform, by digest.")] = None,
    trainer_image: Annotated[str | None, typer.Option(help="Image of train and evaluate, by digest.")] = None,
    machine: Annotated[str | None, typer.Option(help="Machine type that the training fills.")] = None,
    gpu: options.Gpu = None,
    cpus: Annotated[float | None, typer.Option(help="Cores of the training.")] = None,
    memory_gib: Annotated[float | None, typer.Option(help="Memory of the training, in GiB.")] = None,
    retries: Annotated[int, typer.Option(help="Number of restarts of a stage that failed.")] = 2,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("pipeline.yaml"),
) -> None:
    """Write the pipeline extract → transform → train → evaluate as a file for Kubeflow and Vertex AI.

    Examples: `firelib pipeline compile --output pipeline.yaml`
    """
    from firelib import storage
    from firelib.console import note
    from firelib.launch.backends.kubeflow.kfp_pipeline import PipelineSpec, compile_pipeline
    from firelib.launch.field_errors import parse_fields
    from firelib.launch.job_spec import Resources

    given = {"extract": extract_image, "transform": transform_image, "trainer": trainer_image}
    images = {component: image for component, image in given.items() if image}
    wanted = {"cpus": cpus, "memory_gib": memory_gib, "gpu": gpu, "machine": machine}
    resources = parse_fields(Resources, wanted, where="the command line")
    storage.write_bytes(str(output), compile_pipeline(PipelineSpec(images, resources, retries)).encode())
    note(f"wrote {output}")
