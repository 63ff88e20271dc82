"""The placements in which Vertex AI is asked to run a job: combinations of machine type and region."""

from collections.abc import Iterator
from dataclasses import dataclass

from firelib.errors import did_you_mean
from firelib.gcp.machine_catalog import read_catalog
from firelib.launch.backends.vertex.machine_rules import find_machine_rule_problems
from firelib.launch.backends.vertex.target import MachineOption, VertexTarget
from firelib.launch.job_spec import JobSpec, Resources
from firelib.launch.machine_checks import find_machine_notes, validate_machine


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
    provisioning = spec.replicas.provisioning
    problems: list[str] = []
    for placement in list_placements(spec, target):
        problems += validate_machine(placement.resources, placement.region, provisioning)
        problems += find_machine_rule_problems(placement.resources, provisioning)
    yield from dict.fromkeys(problems)


def find_placement_notes(spec: JobSpec, target: VertexTarget) -> Iterator[str]:
    """Yield what is not known of machines and regions.

    Args:
        spec: The job.
        target: Its settings.
    """
    known = read_catalog()["training"]["regions"]
    for region in dict.fromkeys(target.region):
        if region not in known:
            yield f"firelib does not know region {region!r} of custom training: {did_you_mean(region, known)}"
    options = dict.fromkeys(placement.resources for placement in list_placements(spec, target))
    for resources in options or [spec.resources]:
        yield from find_machine_notes(resources)
