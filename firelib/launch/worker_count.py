"""How many training workers use all GPUs, or all cores, of the machines that are rented for a job."""

from pathlib import Path

from firelib.config.yaml_file import read_yaml_mapping
from firelib.errors import FirelibError
from firelib.gcp.machine_types import machines
from firelib.launch.job_spec import JobSpec, Resources
from firelib.launch.machine_checks import resolve_gpu

#: Variable that overrides `train.workers`. Results do not depend on it.
WORKERS = "FIRELIB_WORKERS"

#: Share of a machine's cores and memory for workers: Kubernetes, Ray and the driver take the rest.
CORE_SHARE = 0.85
#: GiB of a worker: TensorFlow and a small model.
WORKER_GIB = 2.0

_TRAINING_STAGES = ("train", "run")


def default_workers(spec: JobSpec, resources: Resources) -> int | None:
    """Return the number of workers on machines that are rented for the job: one for each GPU, or by cores and memory.

    Args:
        spec: The job.
        resources: Resources of each replica.

    Returns:
        None where `train.workers` decides: the machines exist already, or the stage does not train.
    """
    machine, gpu = machines().get(resources.machine or ""), resolve_gpu(resources)
    if spec.stage not in _TRAINING_STAGES:
        return None
    if gpu is not None:
        return spec.replicas.count * gpu.count
    if machine is None:
        return None
    cores = resources.cpus or machine.vcpus * CORE_SHARE
    memory_gib = resources.memory_gib or machine.memory_gib * CORE_SHARE
    fitting = min(cores / _read_cpus_per_worker(spec), memory_gib / WORKER_GIB)
    return spec.replicas.count * max(1, int(fitting))


def describe_gpu_use(workers: int | None, gpus: int) -> str:
    """Return how many GPUs a training uses, such as `2 of 8 GPUs used`; empty without GPUs.

    Args:
        workers: Number of workers, each of which uses one GPU; None means one for each GPU.
        gpus: Number of GPUs of all replicas.
    """
    if not gpus:
        return ""
    used = gpus if workers is None else min(workers, gpus)
    return f"{used} of {gpus} GPUs used"


def _read_cpus_per_worker(spec: JobSpec) -> float:
    """Read `train.cpus_per_worker` of the project's parameters; without a number there, its default."""
    arguments = list(spec.command)
    name = arguments[arguments.index("--params") + 1] if "--params" in arguments[:-1] else "params.yaml"
    try:
        section = read_yaml_mapping(Path(spec.project, name), if_missing="", if_no_mapping="").get("train")
    except FirelibError:  # the stage reports it
        return 1.0
    value = section.get("cpus_per_worker") if isinstance(section, dict) else None
    return float(value) if isinstance(value, int | float) and value > 0 else 1.0
