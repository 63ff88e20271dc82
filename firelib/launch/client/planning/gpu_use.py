"""Say how many of a job's GPUs its training uses, before anything is sent."""

from firelib.console import note
from firelib.gcp.machine_types import machines
from firelib.launch.job_environment import stage_variables
from firelib.launch.job_spec import JobSpec
from firelib.launch.machine_checks import resolve_gpu
from firelib.launch.worker_count import WORKERS, describe_gpu_use


def note_gpu_use(spec: JobSpec) -> None:
    """Print how many of a job's GPUs its training uses; nothing for a job without GPUs, or that does not train.

    Args:
        spec: The job.
    """
    machine = spec.resources.machine
    if machine is not None and machine not in machines() and spec.resources.gpu is None:
        return  # nobody knows its GPUs
    gpu, workers = resolve_gpu(spec.resources), stage_variables(spec).get(WORKERS, "")
    if gpu is None or not workers.isdecimal():
        return
    gpus = spec.replicas.count * gpu.count
    note(f"{describe_gpu_use(int(workers), gpus)}: {WORKERS}={workers}, and each worker computes on one GPU")
