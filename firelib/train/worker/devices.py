"""What TensorFlow computes on, in one worker: one device, the one that Ray gave."""

from typing import Any

from firelib.errors import FirelibError


def worker_environment(cpus: float, on_gpu: bool) -> dict[str, str]:
    """Variables that a worker needs before TensorFlow and Keras are imported."""
    return {
        "KERAS_BACKEND": "tensorflow",
        "TF_USE_LEGACY_KERAS": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": str(max(1, round(cpus))),  # workers on one host share its cores
        # Ray names the GPU of a worker that has one; a worker without would take all that its host has.
        **({} if on_gpu else {"CUDA_VISIBLE_DEVICES": "-1"}),
    }


def require_own_device(strategy: Any, world_size: int, on_gpu: bool) -> None:
    """Refuse to train on other devices than one for each worker.

    Raises:
        FirelibError: TensorFlow sees no GPU though Ray gave this worker one, or several.
    """
    devices: tuple[str, ...] = strategy.extended.worker_devices
    if on_gpu and not any("GPU" in device for device in devices):
        raise FirelibError(
            "Ray gave this worker a GPU, but TensorFlow sees none",
            where=f"TensorFlow's devices: {', '.join(devices)}",
            remedy="install the extra `gpu` (CUDA's libraries) on its node and check nvidia-smi, or train.device: cpu",
        )
    if strategy.num_replicas_in_sync != world_size:
        raise FirelibError(
            f"TensorFlow computes on {strategy.num_replicas_in_sync} devices, for {world_size} workers",
            where=f"TensorFlow's devices on this worker: {', '.join(devices)}",
            remedy="one GPU a worker: set train.workers to the number of GPUs",
        )
