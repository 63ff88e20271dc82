"""Rules of Vertex AI's custom training for machines, which are stricter than Compute Engine's."""

from collections.abc import Iterator, Mapping
from typing import Any

from firelib.gcp.machine_catalog import parse_family, read_catalog
from firelib.gcp.machine_types import Gpu, machines
from firelib.launch.job_spec import Resources
from firelib.launch.machine_checks import resolve_gpu


def find_machine_rule_problems(resources: Resources, provisioning: str) -> Iterator[str]:
    """Yield why Vertex AI would refuse machines that Compute Engine offers.

    Args:
        resources: Resources of each replica.
        provisioning: `on-demand`, `spot` or `flex-start`.
    """
    name, gpu = resources.machine or "", resolve_gpu(resources)
    if name in _rules()["not_offered"]:
        yield f"resources.machine: Vertex AI does not offer {name}: choose e2-standard-4, n1-standard-4 or a larger one"
    if parse_family(name) in read_catalog()["arm"]:
        yield f"resources.machine: {name} has Arm CPUs, and firelib's images are for linux/amd64: choose another family"
    if gpu is not None:
        yield from _find_gpu_problems(name, gpu, provisioning)


def find_time_limit_problems(provisioning: str, timeout_seconds: int | None, grace_seconds: int) -> Iterator[str]:
    """Yield why the time limit of a job is too long.

    Args:
        provisioning: `on-demand`, `spot` or `flex-start`.
        timeout_seconds: Time limit of the job; None for the service's default.
        grace_seconds: What the request adds to it.
    """
    longest = _rules()["longest_flex_start_seconds"] - grace_seconds
    if provisioning == "flex-start" and timeout_seconds is not None and timeout_seconds > longest:
        yield f"timeout_seconds: a flex-start job ends after 7 days: expected at most {longest}, got {timeout_seconds}"


def _find_gpu_problems(machine_type: str, gpu: Gpu, provisioning: str) -> Iterator[str]:
    rules = _rules()
    if gpu.kind in rules["retired_gpus"]:
        yield f"resources.gpu: Vertex AI no longer offers {gpu.kind}: choose t4, l4 or a newer GPU"
    machine, counts = machines().get(machine_type), rules["gpu_counts"].get(gpu.kind, {})
    if machine is not None and gpu.count in counts and machine.vcpus > counts[gpu.count]:
        fitting = [str(count) for count, most_vcpus in counts.items() if machine.vcpus <= most_vcpus]
        offered = f"Vertex AI offers {gpu.kind} in counts of {', '.join(fitting)}"
        yield f"resources.gpu: with {machine_type}, {offered}, got {gpu.count}"
    if provisioning == "flex-start" and gpu.kind not in rules["flex_start_gpus"]:
        offered = ", ".join(rules["flex_start_gpus"])
        yield f"replicas.provisioning: flex-start is offered for {offered}; {machine_type} has {gpu.kind}"


def _rules() -> Mapping[str, Any]:
    rules: Mapping[str, Any] = read_catalog()["training"]
    return rules
