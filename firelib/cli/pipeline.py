"""Commands about pipelines of other platforms."""

from pathlib import Path
from typing import Annotated

import typer

pipeline_app = typer.Typer(help="The whole flow as a pipeline of Kubeflow or Vertex AI.", no_args_is_help=True)


@pipeline_app.callback()
def _group() -> None:
    """The whole flow as a pipeline of Kubeflow or Vertex AI."""


@pipeline_app.command("compile")
def compile_(
    extract_image: Annotated[str | None, typer.Option(help="Image of extract, by digest.")] = None,
    transform_image: Annotated[str | None, typer.Option(help="Image of transform, by digest.")] = None,
    trainer_image: Annotated[str | None, typer.Option(help="Image of train and evaluate, by digest.")] = None,
    machine: Annotated[str | None, typer.Option(help="Machine type that training shall fill.")] = None,
    gpu: Annotated[str | None, typer.Option(help="GPUs of training: l4, or t4:2.")] = None,
    cpus: Annotated[float | None, typer.Option(help="Cores of training.")] = None,
    memory_gib: Annotated[float | None, typer.Option(help="Memory of training.")] = None,
    retries: Annotated[int, typer.Option(help="How often a stage that failed is started again.")] = 2,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write.")] = Path("pipeline.yaml"),
) -> None:
    """Write the pipeline extract → transform → train → evaluate as a file that Kubeflow and Vertex AI run."""
    from firelib import storage
    from firelib.console import note
    from firelib.launch.backends.kubeflow.kfp_pipeline import PipelineSpec, compile_pipeline
    from firelib.launch.job_spec import Resources, parse_gpu

    given = {"extract": extract_image, "transform": transform_image, "trainer": trainer_image}
    images = {component: image for component, image in given.items() if image}
    spec = PipelineSpec(images, Resources(cpus, memory_gib, parse_gpu(gpu), machine), retries)
    storage.write_bytes(str(output), compile_pipeline(spec).encode())
    note(f"wrote {output}")
