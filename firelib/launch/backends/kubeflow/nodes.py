"""The nodes that the pods of a job need: GPUs, labels and tolerated taints. Pure."""

from collections.abc import Iterator
from typing import Any

from firelib.gcp.machine_types import Gpu, gpu_kinds
from firelib.launch.backends.kubeflow.allocatable import find_size_problems
from firelib.launch.backends.kubeflow.target import KubeflowTarget
from firelib.launch.job_spec import JobSpec
from firelib.launch.machine_checks import resolve_gpu, validate_machine

_SPOT = "cloud.google.com/gke-spot"


def find_node_problems(spec: JobSpec) -> Iterator[str]:
    """Yield requests for nodes that the cluster cannot have."""
    target, _ = KubeflowTarget.parse_with_problems(spec.target)
    if spec.replicas.provisioning == "flex-start":
        yield (
            "replicas.provisioning: firelib requests no flex-start nodes on Kubernetes; choose on-demand or spot, "
            "or select a node pool that waits for capacity: --set node_selector=KEY=VALUE (a queue such as Kueue helps)"
        )
    if target.platform == "gke":
        yield from validate_machine(spec.resources, None, spec.replicas.provisioning)
        yield from find_size_problems(spec.resources)
    elif spec.replicas.provisioning == "spot" and not target.node_selector:
        yield "target.node_selector is missing: the label of the cluster's spot nodes, --set node_selector=KEY=VALUE"


def find_gpu(spec: JobSpec) -> Gpu | None:
    """Return the GPUs of each pod: the requested ones, or on GKE the ones built into the machine type."""
    target = KubeflowTarget.parse(spec.target)
    return resolve_gpu(spec.resources) if target.platform == "gke" else spec.resources.gpu


def build_node_selector(spec: JobSpec) -> dict[str, str]:
    """Return labels that nodes must have. Those for GPUs and Spot exist on GKE only; elsewhere the user names them."""
    target = KubeflowTarget.parse(spec.target)
    selector = {}
    if spec.resources.machine:
        selector["node.kubernetes.io/instance-type"] = spec.resources.machine
    if target.platform == "gke":
        if gpu := find_gpu(spec):
            selector["cloud.google.com/gke-accelerator"] = gpu_label(gpu)
        if spec.replicas.provisioning == "spot":
            selector[_SPOT] = "true"
    return {**selector, **target.node_labels}


def gpu_label(gpu: Gpu) -> str:
    """Return the value of GKE's node label for a kind of GPU, such as `nvidia-tesla-t4`."""
    return gpu_kinds()[gpu.kind].accelerator.lower().replace("_", "-")


def build_tolerations(spec: JobSpec) -> list[dict[str, Any]]:
    """Return the taints that the pods tolerate: those of Spot and GPU nodes, and the ones that the user names."""
    target = KubeflowTarget.parse(spec.target)
    tolerations: list[dict[str, Any]] = []
    if spec.replicas.provisioning == "spot" and target.platform == "gke":
        tolerations.append({"key": _SPOT, "operator": "Exists", "effect": "NoSchedule"})
    if find_gpu(spec):
        tolerations.append({"key": target.gpu_resource, "operator": "Exists", "effect": "NoSchedule"})
    return [*tolerations, *target.pod_tolerations]
