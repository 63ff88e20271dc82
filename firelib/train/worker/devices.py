"""The device that one worker computes on: the GPU that Ray assigned, or CPU cores."""

from firelib.errors import FirelibError
from firelib.train.keras_types import Strategy


def build_worker_environment(cpus: float, on_gpu: bool) -> dict[str, str]:
    """Build the environment variables that a worker needs before it imports TensorFlow and Keras.

    Args:
        cpus: Cores of the worker.
        on_gpu: Whether the worker has a GPU.
    """
    return {
        "KERAS_BACKEND": "tensorflow",
        "TF_USE_LEGACY_KERAS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": str(max(1, round(cpus))),  # the workers of a node share its cores
        # Ray sets this variable for a worker with a GPU. TensorFlow in other workers would take every GPU of the node.
        **({} if on_gpu else {"CUDA_VISIBLE_DEVICES": "-1"}),
    }


def require_one_device_per_worker(strategy: Strategy, world_size: int, on_gpu: bool) -> None:
    """Refuse to train unless TensorFlow uses exactly one device per worker.

    Args:
        strategy: The strategy over all workers.
        world_size: Number of workers.
        on_gpu: Whether Ray assigned a GPU to each worker.

    Raises:
        FirelibError: TensorFlow sees no GPU although Ray assigned one, or sees several.
    """
    devices: tuple[str, ...] = strategy.extended.worker_devices
    where = f"TensorFlow's devices on this worker: {', '.join(devices)}"
    if on_gpu and not any("GPU" in device for device in devices):
        raise FirelibError(
            "Ray assigned a GPU to this worker, but TensorFlow sees none",
            where=where,
            remedy="install the extra `gpu` (CUDA's libraries) on its node and check nvidia-smi, "
            "or set train.device: cpu",
        )
    if strategy.num_replicas_in_sync != world_size:
        raise FirelibError(
            f"TensorFlow computes on {strategy.num_replicas_in_sync} devices, expected one for each of {world_size} "
            "workers",
            where=where,
            remedy="set train.workers to the number of GPUs",
        )
