"""`firelib run` as one job for each stage, where an image holds one component: what each job is, and its checks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from firelib.errors import did_you_mean
from firelib.gcp.machine_types import machines
from firelib.launch.backend import Backend
from firelib.launch.client.job_description import JobDescription, collect_problems, with_image
from firelib.launch.client.job_file import merge_fields
from firelib.launch.job_spec import JobSpec, Replicas, parse_job, refuse

#: The stages of `firelib run`, in their order.
STAGES = ("extract", "transform", "train", "evaluate")

_TRAIN = "train"
#: Machine of the stages that need no GPU, if that of the training has GPUs built in.
CPU_MACHINE = "n1-standard-8"


def split_run(described: JobDescription) -> tuple[JobSpec, dict[str, JobSpec]]:
    """Return the job of each stage of `firelib run`.

    The training gets the resources, replicas and provisioning of the description. The other stages run on one replica
    without GPUs, rented on demand, unless `stages` of the job's file says more.

    Args:
        described: The description of `firelib run`.

    Returns:
        The whole run as a job, which is not sent; and stage → its job, in the order of the stages.

    Raises:
        FirelibError: Fields are wrong, a stage has no image, or the backend would refuse one; all reasons are named.
    """
    run = parse_job(described.fields, described.where)
    problems = {stage: list[str]() for stage in _needed(run.command)}
    unknown = [_explain_unknown(name) for name in described.stages if name not in STAGES]
    specs: dict[str, JobSpec] = {}
    for stage, found in problems.items():
        with collect_problems(found):
            specs[stage] = _build_stage(described, run, stage)
            found.extend(described.backend.validate(specs[stage]))
    refuse([*unknown, *merge_problems(problems)], where=f"firelib run as jobs for {described.backend.name}")
    return run, specs


def _explain_unknown(stage: str) -> str:
    return f"stages.{stage}: not a stage: {did_you_mean(stage, STAGES)}"


def _needed(command: Sequence[str]) -> tuple[str, ...]:
    """The stages that `firelib run TARGET …` may run: the targets, and the stages before them."""
    named = [STAGES.index(word) for word in command if word in STAGES]
    return STAGES[: max(named) + 1] if named else STAGES


def _build_stage(described: JobDescription, run: JobSpec, stage: str) -> JobSpec:
    parts: dict[str, Any] = {"replicas": run.replicas, "resources": run.resources, "target": run.target}
    if stage != _TRAIN:
        parts = _without_training(described.backend, run)
    parts |= {"replicas": _plain(parts["replicas"]), "resources": _plain(parts["resources"])}
    fields = merge_fields({**run.as_json(), **parts}, described.stages.get(stage, {}))
    fields |= {"command": ("firelib", stage), "job_id": f"{run.job_id}-{stage}"}
    return with_image(described.backend, parse_job(fields, f"{described.where}, stage {stage}"))


def _plain(part: Any) -> dict[str, Any]:
    """The fields of a part of a job, so that those of a file can replace single ones."""
    return {name: getattr(part, name) for name in part.__pydantic_fields__}


def _without_training(backend: Backend, run: JobSpec) -> dict[str, Any]:
    """What the stages that do not train have instead of the training's machines."""
    machine = machines().get(run.resources.machine or "")
    name = CPU_MACHINE if machine is not None and machine.gpu is not None else run.resources.machine
    left_out = backend.target_type.of_training
    return {
        "resources": replace(run.resources, gpu=None, machine=name),
        "replicas": Replicas(restarts=run.replicas.restarts),
        "target": {key: value for key, value in run.target.items() if key not in left_out},
    }


def find_preflight_problems(backend: Backend, specs: Mapping[str, JobSpec]) -> list[str]:
    """Ask registry and storage about the jobs of all stages before the first one is sent.

    Args:
        backend: The backend.
        specs: Stage → job.

    Returns:
        One line for each problem, with the stages that have it.
    """
    return list(merge_problems({stage: backend.preflight(spec) for stage, spec in specs.items()}))


def merge_problems(problems: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yield each problem once, with the stages that have it; without stages, if all have it.

    Args:
        problems: Stage → its problems.

    Example:
        >>> list(merge_problems({"train": ["image is missing"], "evaluate": ["image is missing", "no model"]}))
        ['image is missing', 'evaluate: no model']
    """
    stages: dict[str, list[str]] = {}
    for stage, found in problems.items():
        for problem in dict.fromkeys(found):
            stages.setdefault(problem, []).append(stage)
    for problem, those in stages.items():
        yield problem if len(those) == len(problems) else f"{', '.join(those)}: {problem}"
