"""The placements in which Vertex AI is asked to run a job: combinations of machine type and region."""

from collections.abc import Iterator
from dataclasses import dataclass

from firelib.launch.backends.vertex.target import MachineOption, VertexTarget
from firelib.launch.job_spec import JobSpec, Resources
from firelib.launch.machine_checks import validate_machine


@dataclass(frozen=True)
class Placement:
    """A region and the machines to request there.

    Attributes:
        region: Region of Google Cloud.
        resources: Resources of each replica.
    """

    region: str
    resources: Resources

    def __str__(self) -> str:
        gpu = self.resources.gpu
        return f"{self.resources.machine}{f' with {gpu.count} {gpu.kind}' if gpu else ''} in {self.region}"


def list_placements(spec: JobSpec, target: VertexTarget) -> list[Placement]:
    """Return the placements in the order in which they are tried: all regions per machine type.

    Args:
        spec: The job.
        target: Its settings: regions, and further machine types.
    """
    options = [_with_machine(spec.resources, option) for option in target.machines]
    return [Placement(region, resources) for resources in (spec.resources, *options) for region in target.region]


def _with_machine(resources: Resources, option: MachineOption) -> Resources:
    return Resources(
        cpus=resources.cpus,
        memory_gib=resources.memory_gib,
        gpu=option.gpu,
        machine=option.machine,
        disk_gib=resources.disk_gib,
    )


def find_placement_problems(spec: JobSpec, target: VertexTarget) -> Iterator[str]:
    """Yield why a placement cannot exist, each reason once.

    Args:
        spec: The job.
        target: Its settings.
    """
    if spec.resources.machine is None:
        yield "resources.machine is missing: --machine n1-standard-8"
    problems = [
        problem
        for placement in list_placements(spec, target)
        for problem in validate_machine(placement.resources, placement.region, spec.replicas.provisioning)
    ]
    yield from dict.fromkeys(problems)
