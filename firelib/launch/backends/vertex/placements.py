"""Where on Vertex AI a job is tried: region and machine, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from firelib.errors import FirelibError
from firelib.launch.job_spec import JobSpec, Resources, parse_gpu
from firelib.launch.machine_checks import validate_machine


@dataclass(frozen=True)
class Place:
    """One region and the machines to ask for there.

    Attributes:
        region: Of Google Cloud.
        resources: Of each replica.
    """

    region: str
    resources: Resources

    def __str__(self) -> str:
        gpu = self.resources.gpu
        return f"{self.resources.machine}{f' with {gpu.count} {gpu.kind}' if gpu else ''} in {self.region}"


def places(spec: JobSpec) -> list[Place]:
    """In the order in which they are tried: all regions with the first machine, then with the next one.

    Raises:
        FirelibError: A machine of `target.machines` cannot be read.
    """
    regions = _words(spec.target.get("region", ""))
    return [Place(region, resources) for resources in _machines(spec) for region in regions]


def _machines(spec: JobSpec) -> Iterator[Resources]:
    yield spec.resources
    for word in _words(spec.target.get("machines", "")):
        machine, _, gpu = word.partition("+")
        yield replace(spec.resources, machine=machine, gpu=parse_gpu(gpu or None))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def of_places(spec: JobSpec) -> Iterator[str]:
    """Why some place cannot be had."""
    if not _words(spec.target.get("region", "")):
        yield "target.region is missing: --set region=europe-west4, or several with commas, tried in that order"
    if spec.resources.machine is None:
        yield "resources.machine is missing: --machine, such as n1-standard-8"
    try:
        found = places(spec)
    except FirelibError as error:
        yield f"target.machines: {str(error).partition(chr(10))[0]}"
        return
    said = [
        reason
        for place in found
        for reason in validate_machine(place.resources, place.region, spec.replicas.provisioning)
    ]
    yield from dict.fromkeys(said)
