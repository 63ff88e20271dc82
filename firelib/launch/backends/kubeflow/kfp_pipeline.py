"""The whole flow as a Kubeflow pipeline: extract → transform → train → evaluate, each in its component's image.

Pure but for kfp, which compiles it: no network, no credentials. Vertex AI Pipelines takes the same file.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.gcp.machine_types import gpu_kinds
from firelib.launch.backends.kubeflow.pods import limits
from firelib.launch.job_environment import IMAGE_DIGEST
from firelib.launch.job_spec import Resources, refuse
from firelib.launch.machine_checks import resolve_gpu, validate_machine
from firelib.launch.runtime.pipeline_component import NOTHING

#: Stage → component whose image runs it, in the order in which they run.
FLOW: Mapping[str, str] = {"extract": "extract", "transform": "transform", "train": "trainer", "evaluate": "trainer"}
_COMMAND = ["python", "-m", "firelib.launch.pipeline_stage"]


@dataclass(frozen=True)
class PipelineSpec:
    """What a pipeline is compiled from.

    Attributes:
        images: Component → image, by digest: a changed image is a changed component, so the cache does not hide it.
        resources: Of the training; the other stages take what the cluster gives.
        retries: How often a stage that failed is started again; training goes on from its checkpoint.
    """

    images: Mapping[str, str]
    resources: Resources = field(default_factory=Resources)
    retries: int = 2

    def problems(self) -> Iterator[str]:
        for component in sorted(set(FLOW.values())):
            image = self.images.get(component)
            if image is None or "@sha256:" not in image:
                yield f"--{component}-image: should be REGISTRY/NAME@sha256:…, got {image!r}"
        if self.retries < 0:
            yield f"--retries: should be 0 or more, got {self.retries}"
        yield from validate_machine(self.resources)


def compile_pipeline(spec: PipelineSpec) -> str:
    """The pipeline as kfp's YAML.

    Raises:
        FirelibError: Fields are wrong, or kfp is not installed.
    """
    refuse(spec.problems(), where="the command line", remedy="make push shows images with their digests")
    try:
        from kfp import compiler
    except ImportError as error:
        raise FirelibError("pipelines need kfp", remedy="uv sync --extra kubeflow") from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pipeline.yaml")
        compiler.Compiler().compile(_pipeline(spec), str(file))
        return file.read_text(encoding="utf-8")


def _pipeline(spec: PipelineSpec) -> Any:
    from kfp import dsl

    components = {stage: _component(stage, spec.images[component]) for stage, component in FLOW.items()}

    def firelib(project: str, root: str) -> None:
        word: Any = NOTHING
        for stage, component in components.items():
            task = component(project=project, before=word, root=root)
            task.set_display_name(stage).set_caching_options(True)
            task.set_env_variable(IMAGE_DIGEST, spec.images[FLOW[stage]].partition("@")[2])
            if spec.retries:
                task.set_retry(num_retries=spec.retries, backoff_duration="30s")
            if stage == "train":
                _give(task, spec.resources)
            word = task.outputs["after"]

    return dsl.pipeline(name="firelib", description="sources to an evaluated model")(firelib)


def _component(stage: str, image: str) -> Any:
    """A container with one stage: what came before in, the word for the next stage out."""
    from kfp import dsl

    def run(project, before, root, after):  # type: ignore[no-untyped-def]  # kfp reads what stands below
        return dsl.ContainerSpec(image=image, command=_COMMAND, args=[stage, project, before, root, after])

    run.__annotations__ = {"project": str, "before": str, "root": str, "after": dsl.OutputPath(str)}
    run.__name__ = stage
    return dsl.container_component(run)


def _give(task: Any, resources: Resources) -> None:
    """Requests and limits; a platform puts a task where they fit."""
    given, gpu = limits(resources).get("limits", {}), resolve_gpu(resources)
    if "cpu" in given:
        task.set_cpu_limit(given["cpu"])
    if "memory" in given:
        task.set_memory_limit(given["memory"])
    if gpu is not None:
        task.set_accelerator_type(gpu_kinds()[gpu.kind].accelerator).set_accelerator_limit(gpu.count)
