"""The whole flow as a Kubeflow pipeline: extract → transform → train → evaluate, each in its component's image.

Compiling it needs kfp, but no network and no credentials.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from firelib.errors import did_you_mean
from firelib.extras import missing_modules
from firelib.gcp.machine_types import gpu_kinds, machines
from firelib.launch import naming_rules
from firelib.launch.backends.kubeflow.kfp.pods import build_platform_config
from firelib.launch.backends.kubeflow.kfp.training_job import list_submit_options
from firelib.launch.backends.kubeflow.nodes import find_node_problems
from firelib.launch.backends.kubeflow.pods import build_limits
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.images.image_choice import choose_image
from firelib.launch.job_environment import IMAGE_DIGEST, SECRETS, gpu_variables
from firelib.launch.job_spec import JobSpec, Resources, parse_job, refuse
from firelib.launch.machine_checks import resolve_gpu, validate_machine
from firelib.launch.runtime.pipeline_component import NOTHING

#: Stage → component whose image runs it, in the order of execution.
FLOW: Mapping[str, str] = {"extract": "extract", "transform": "transform", "train": "trainer", "evaluate": "trainer"}

#: Settings of `--to kubeflow` that mean something in a pipeline.
SETTINGS = frozenset(
    {
        "gpu_resource",
        "image_pull_secrets",
        "namespace",
        "node_selector",
        "platform",
        "service_account",
        "tolerations",
    }
)

_COMMAND = ["python", "-m", "firelib.launch.pipeline_stage"]
_SCHEMES = {"kubeflow": ("k8s", "gcp"), "vertex": ("gcp",)}


@dataclass(frozen=True)
class PipelineSpec:
    """What a pipeline is compiled from.

    Attributes:
        images: Component → image with its digest. A changed image is then a changed component, which the platform's
            cache does not skip.
        resources: Resources of the training; the other stages use the cluster's defaults.
        retries: How often a failed stage is restarted; training resumes from its checkpoint.
        platform: Kubeflow Pipelines and Vertex AI Pipelines name GPUs and secrets differently.
        env: Variables of every stage.
        secrets: Variable of every stage → reference to its value: `k8s:SECRET/KEY` or `gcp:…`.
        caching: Whether a stage whose image and inputs are unchanged is skipped.
        target: Settings of the cluster, as for `--to kubeflow`; see `SETTINGS`.
        replicas: Pods that train. From two on, the component of the training sends a TrainJob of its own, follows it,
            and passes its outputs on.
    """

    images: Mapping[str, str]
    resources: Resources = field(default_factory=Resources)
    retries: int = 2
    platform: Literal["kubeflow", "vertex"] = "kubeflow"
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    caching: bool = True
    target: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 1

    @property
    def sends_training(self) -> bool:
        """Whether the component of the training sends a job instead of training in its own pod."""
        return self.replicas > 1

    def problems(self) -> Iterator[str]:
        """Yield every problem of the fields."""
        for component in sorted(set(FLOW.values())):
            image = self.images.get(component)
            if image is None or "@sha256:" not in image:
                yield f"--{component}-image: expected REGISTRY/NAME@sha256:…, got {image!r}"
        if self.retries < 0:
            yield f"--retries: expected 0 or more, got {self.retries}"
        if self.replicas < 1:
            yield f"--replicas: expected 1 or more, got {self.replicas}"
        if self.sends_training and self.platform == "vertex":
            yield "--replicas: a pipeline on Vertex AI trains in one pod: firelib submit --to vertex trains in several"
        yield from self._find_variable_problems()
        yield from self._find_target_problems()

    def _find_variable_problems(self) -> Iterator[str]:
        yield from naming_rules.validate_env(self.env)
        yield from naming_rules.validate_secrets(self.secrets, self.env)
        schemes = _SCHEMES[self.platform]
        for name, reference in self.secrets.items():
            if reference.partition(":")[0] not in schemes:
                yield f"secrets.{name}: a pipeline on {self.platform} expects {' or '.join(schemes)}:…"

    def _find_target_problems(self) -> Iterator[str]:
        allowed = SETTINGS if self.platform == "kubeflow" else frozenset[str]()
        for name in sorted(set(self.target) - allowed):
            yield f"target.{name}: a pipeline on {self.platform} has no such setting"
        known = {name: value for name, value in self.target.items() if name in allowed}
        _, problems = KubeflowTarget.parse_with_problems(known)
        yield from problems
        if self.platform == "vertex":
            yield from validate_machine(self.resources)
            yield from _find_size_problems(self.resources)
        elif not problems:
            yield from find_node_problems(_as_job(replace(self, replicas=1), "train"))


def _find_size_problems(resources: Resources) -> Iterator[str]:
    """A pipeline names cores and memory instead of a machine type, so those of the type must be known."""
    name = resources.machine
    if name and name not in machines() and not (resources.cpus and resources.memory_gib):
        yield (
            f"resources.machine: cores and memory of {name!r} are not known: {did_you_mean(name, machines())}, "
            "or add --cpus and --memory-gib"
        )


def complete_images(spec: PipelineSpec, project: Path) -> PipelineSpec:
    """Return the pipeline with the images that it lacks, from the table that `make push` writes into the project.

    Args:
        spec: The pipeline; its GPUs decide which image trains.
        project: Folder of the project, which may have no table.

    Raises:
        FirelibError: The table cannot be read, or does not list a component.
    """
    images, in_one_pod = dict(spec.images), replace(spec, replicas=1)
    for stage, component in FLOW.items():
        if component not in images and (image := choose_image(None, _as_job(in_one_pod, stage, project))):
            images[component] = image
    return replace(spec, images=images)


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

    components = {
        stage: build_component(stage, spec.images[component], _list_submit_options(spec, stage))
        for stage, component in FLOW.items()
    }

    def firelib(project: str, root: str) -> None:
        before: Any = NOTHING
        for stage, component in components.items():
            task = component(project=project, before=before, root=root)
            task.set_display_name(stage).set_caching_options(spec.caching)
            for name, value in _variables(spec, stage).items():
                task.set_env_variable(name, value)
            if spec.retries:
                task.set_retry(num_retries=spec.retries, backoff_duration="30s")
            if stage == "train" and not spec.sends_training:
                _set_resources(task, spec)
            if spec.platform == "kubeflow" and (config := build_platform_config(_as_job(spec, stage))):
                task.platform_config["kubernetes"] = config
            before = task.outputs["after"]

    return dsl.pipeline(name="firelib", description="sources to an evaluated model")(firelib)


def build_component(stage: str, image: str, options: Sequence[str] = ()) -> Any:
    """Return a container component that takes the URI of earlier outputs and returns the URI of its own.

    Args:
        stage: The stage that it runs.
        image: Image by digest.
        options: Options of `firelib submit`, if the stage runs as a job of its own.
    """
    from kfp import dsl

    def run(project, before, root, after):  # type: ignore[no-untyped-def]  # kfp reads the annotations set below
        return dsl.ContainerSpec(image=image, command=_COMMAND, args=[stage, project, before, root, after, *options])

    run.__annotations__ = {"project": str, "before": str, "root": str, "after": dsl.OutputPath(str)}
    run.__name__ = stage
    return dsl.container_component(run)


def _list_submit_options(spec: PipelineSpec, stage: str) -> list[str]:
    if stage != "train" or not spec.sends_training:
        return []
    image = spec.images[FLOW[stage]]
    return list_submit_options(image, spec.replicas, spec.resources, spec.env, spec.secrets, spec.target)


def _variables(spec: PipelineSpec, stage: str) -> dict[str, str]:
    """Return the variables of a stage. Secrets of Google's Secret Manager are references, which the stage reads."""
    variables = {
        **gpu_variables(_as_job(spec, stage), _resources_of(spec, stage)),
        **spec.env,
        IMAGE_DIGEST: spec.images[FLOW[stage]].partition("@")[2],
    }
    references = {name: reference for name, reference in spec.secrets.items() if reference.startswith("gcp:")}
    return {**variables, **({SECRETS: json.dumps(dict(sorted(references.items())))} if references else {})}


def _as_job(spec: PipelineSpec, stage: str, project: Path = Path()) -> JobSpec:
    """Return the job whose pod is that of a stage."""
    return parse_job(
        {
            "command": ("firelib", stage),
            "job_id": "pipeline",
            "project": str(project),
            "resources": _resources_of(spec, stage),
            "secrets": {name: ref for name, ref in spec.secrets.items() if ref.startswith("k8s:")},
            "target": {name: value for name, value in spec.target.items() if name in SETTINGS},
        }
    )


def _resources_of(spec: PipelineSpec, stage: str) -> Resources:
    """Return the resources of a stage's own pod. One that sends a job has nothing to compute."""
    return spec.resources if stage == "train" and not spec.sends_training else Resources()


def _set_resources(task: Any, spec: PipelineSpec) -> None:
    """Set the limits of the training. Vertex AI chooses a machine type that has at least as much."""
    if spec.platform == "vertex":
        machine, gpu = machines().get(spec.resources.machine or ""), resolve_gpu(spec.resources)
        cpus = spec.resources.cpus or (machine.vcpus if machine else None)
        memory_gib = spec.resources.memory_gib or (machine.memory_gib if machine else None)
        cpu, memory = cpus and f"{cpus:g}", memory_gib and f"{int(memory_gib * 1024)}Mi"
        accelerator = (gpu_kinds()[gpu.kind].accelerator, gpu.count) if gpu else None
    else:
        limits = build_limits(_as_job(spec, "train")).get("limits", {})
        resource = KubeflowTarget.parse(spec.target).gpu_resource  # Kubeflow takes the type as the name of a resource
        cpu, memory = limits.get("cpu"), limits.get("memory")
        accelerator = (resource, int(limits[resource])) if resource in limits else None
    if cpu:
        task.set_cpu_limit(cpu)
    if memory:
        task.set_memory_limit(memory)
    if accelerator:
        task.set_accelerator_type(accelerator[0]).set_accelerator_limit(accelerator[1])
