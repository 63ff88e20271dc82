"""The whole flow as a Kubeflow pipeline: extract → transform → train → evaluate, each in its component's image.

Compiling it needs kfp, but no network and no credentials. Vertex AI Pipelines accepts the same file.
"""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firelib.extras import missing_modules
from firelib.gcp.machine_types import gpu_kinds
from firelib.launch.backends.kubeflow.pods import build_limits
from firelib.launch.job_environment import IMAGE_DIGEST
from firelib.launch.job_spec import Resources, refuse
from firelib.launch.machine_checks import resolve_gpu, validate_machine
from firelib.launch.runtime.pipeline_component import NOTHING

#: Stage → component whose image runs it, in the order of execution.
FLOW: Mapping[str, str] = {"extract": "extract", "transform": "transform", "train": "trainer", "evaluate": "trainer"}

_COMMAND = ["python", "-m", "firelib.launch.pipeline_stage"]


@dataclass(frozen=True)
class PipelineSpec:
    """What a pipeline is compiled from.

    Attributes:
        images: Component → image with its digest. A changed image is then a changed component, which the platform's
            cache does not skip.
        resources: Resources of the training; the other stages use the cluster's defaults.
        retries: How often a failed stage is restarted; training resumes from its checkpoint.
    """

    images: Mapping[str, str]
    resources: Resources = field(default_factory=Resources)
    retries: int = 2

    def problems(self) -> Iterator[str]:
        """Yield every problem of the fields."""
        for component in sorted(set(FLOW.values())):
            image = self.images.get(component)
            if image is None or "@sha256:" not in image:
                yield f"--{component}-image: expected REGISTRY/NAME@sha256:…, got {image!r}"
        if self.retries < 0:
            yield f"--retries: expected 0 or more, got {self.retries}"
        yield from validate_machine(self.resources)


def compile_pipeline(spec: PipelineSpec) -> str:
    """Return the pipeline as kfp's YAML.

    Raises:
        FirelibError: Fields are wrong, or kfp is not installed.
    """
    refuse(spec.problems(), where="the command line", remedy="run make push to see the images with their digests")
    try:
        from kfp import compiler
    except ImportError as error:
        raise missing_modules(["kfp"], ["kubeflow"], "firelib pipeline compile") from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pipeline.yaml")
        compiler.Compiler().compile(_pipeline(spec), str(file))
        return file.read_text(encoding="utf-8")


def _pipeline(spec: PipelineSpec) -> Any:
    from kfp import dsl

    components = {stage: _component(stage, spec.images[component]) for stage, component in FLOW.items()}

    def firelib(project: str, root: str) -> None:
        before: Any = NOTHING
        for stage, component in components.items():
            task = component(project=project, before=before, root=root)
            task.set_display_name(stage).set_caching_options(True)
            task.set_env_variable(IMAGE_DIGEST, spec.images[FLOW[stage]].partition("@")[2])
            if spec.retries:
                task.set_retry(num_retries=spec.retries, backoff_duration="30s")
            if stage == "train":
                _set_resources(task, spec.resources)
            before = task.outputs["after"]

    return dsl.pipeline(name="firelib", description="sources to an evaluated model")(firelib)


def _component(stage: str, image: str) -> Any:
    """Return a container component that takes the URI of earlier outputs and returns the URI of its own."""
    from kfp import dsl

    def run(project, before, root, after):  # type: ignore[no-untyped-def]  # kfp reads the annotations set below
        return dsl.ContainerSpec(image=image, command=_COMMAND, args=[stage, project, before, root, after])

    run.__annotations__ = {"project": str, "before": str, "root": str, "after": dsl.OutputPath(str)}
    run.__name__ = stage
    return dsl.container_component(run)


def _set_resources(task: Any, resources: Resources) -> None:
    limits, gpu = build_limits(resources).get("limits", {}), resolve_gpu(resources)
    if "cpu" in limits:
        task.set_cpu_limit(limits["cpu"])
    if "memory" in limits:
        task.set_memory_limit(limits["memory"])
    if gpu is not None:
        task.set_accelerator_type(gpu_kinds()[gpu.kind].accelerator).set_accelerator_limit(gpu.count)
