"""Plans: the machines that a job gets on a backend, their price and quotas, and missing prerequisites. No network."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from firelib.extras import find_missing as find_missing_modules
from firelib.extras import install_command
from firelib.gcp.pricing import Price, Service, price, quotas
from firelib.launch.job_spec import Replicas, Resources, refuse
from firelib.launch.machine_checks import find_machine_notes, resolve_gpu, validate_machine
from firelib.launch.worker_count import describe_gpu_use


@dataclass(frozen=True)
class PlanRequest:
    """The requested machines, before a backend is chosen.

    Attributes:
        resources: Resources of each replica.
        replicas: Number of replicas, and how they are rented.
        region: Region of Google Cloud, or None.
        workers: Number of training workers if it is set (`FIRELIB_WORKERS`); None means one for each GPU.
    """

    resources: Resources = field(default_factory=Resources)
    replicas: Replicas = field(default_factory=Replicas)
    region: str | None = None
    workers: int | None = None


@dataclass(frozen=True)
class Plan:
    """The plan of one backend.

    Attributes:
        backend: The backend's name.
        machines: Description of the machines.
        preemptible: Whether the machines can be preempted.
        is_rented: Whether somebody bills the machines.
        price: Price of all machines together; None where nothing is rented, or the price is not known.
        quotas: Quota metric → amount needed. Whether the project has it is not checked.
        missing: Prerequisites that are not met yet.
        gpu_use: How many of the GPUs training uses, such as `2 of 8 GPUs used`; empty without GPUs.
        notes: What is not known of the machines.
    """

    backend: str
    machines: str
    preemptible: bool = False
    is_rented: bool = False
    price: Price | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)
    missing: Sequence[str] = ()
    gpu_use: str = ""
    notes: Sequence[str] = ()


def plan_rented_machines(
    backend: str, request: PlanRequest, service: Service, missing: Sequence[str] = (), where: str = "the command line"
) -> Plan:
    """Make the plan of a backend that rents machines from Google Cloud, or runs on machines rented there.

    Args:
        backend: The backend's name.
        request: The requested machines.
        service: Price list and quotas: `compute` for Compute Engine, `training` for Vertex AI's custom training.
        missing: Prerequisites that are not met yet.
        where: Origin of the request, for errors.

    Raises:
        FirelibError: The machines are not available; the error names all reasons.
    """
    machine, replicas = request.resources.machine, request.replicas
    problems = validate_machine(request.resources, request.region, replicas.provisioning)
    refuse(problems, where, "choose another machine type, GPU or region")
    if machine is None:
        return Plan(backend, format_count(replicas.count, "replica"), missing=missing)
    gpu = resolve_gpu(request.resources)
    described = f"{replicas.count} × {machine}{f' with {gpu.count} {gpu.kind}' if gpu else ''}"
    rented = (machine, gpu, replicas.provisioning, replicas.count, service)
    preemptible = replicas.provisioning == "spot"
    gpu_use = describe_gpu_use(request.workers, replicas.count * gpu.count if gpu else 0)
    notes = tuple(find_machine_notes(request.resources))
    return Plan(backend, described, preemptible, True, price(*rented), quotas(*rented), missing, gpu_use, notes)


def find_missing(request: PlanRequest, package: str, extra: str) -> Iterator[str]:
    """Yield a missing machine type and a missing package.

    Args:
        request: The requested machines.
        package: Module that the backend imports.
        extra: Extra of firelib that installs it.
    """
    if not request.resources.machine:
        yield "--machine, such as n1-standard-8"
    if find_missing_modules([package]):
        yield f"its packages: {install_command([extra])}"


def format_count(count: int, noun: str) -> str:
    """Return a count with its noun, such as `3 replicas`.

    Args:
        count: How many.
        noun: The noun, in the singular.
    """
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
