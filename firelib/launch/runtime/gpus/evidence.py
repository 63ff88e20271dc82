"""What a replica can see of its GPUs, and why TensorFlow sees fewer than the job has requested. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

#: Where Vertex AI and GKE mount NVIDIA's driver.
DRIVER_FOLDER = "/usr/local/nvidia"


@dataclass(frozen=True)
class GpuEvidence:
    """What a replica can see of its GPUs.

    Attributes:
        devices: Device files, such as `/dev/nvidia0`.
        visible: Number of GPUs that TensorFlow lists.
        has_driver_library: Whether the loader finds the driver's library, libcuda.so.1.
        has_cuda: Whether the image contains CUDA's libraries.
        library_path: Value of LD_LIBRARY_PATH, or empty.
        hidden_by: Value of CUDA_VISIBLE_DEVICES if that variable is set.
        error: Why TensorFlow could not be asked, or empty.
    """

    devices: tuple[str, ...] = ()
    visible: int = 0
    has_driver_library: bool = False
    has_cuda: bool = False
    library_path: str = ""
    hidden_by: str | None = None
    error: str = ""


@dataclass(frozen=True)
class Finding:
    """One reason why GPUs are missing.

    Attributes:
        what: The reason.
        remedy: What to do about it.
    """

    what: str
    remedy: str


_BUILD = "build the image with CUDA: make images COMPONENTS=trainer-gpu"


def explain_missing_gpus(expected: int, found: GpuEvidence) -> list[Finding]:
    """Return all reasons why a replica has fewer GPUs than the job has requested; none if it has enough.

    Args:
        expected: Number of GPUs that the job has requested for each replica.
        found: What the replica can see.
    """
    if found.visible >= expected:
        return []
    return list(_find_reasons(expected, found)) or [
        Finding(
            f"TensorFlow sees {found.visible} of {_count(expected)}, the machine has {', '.join(found.devices)}",
            "run nvidia-smi there: a GPU may be broken, or its driver too old for the image's CUDA",
        )
    ]


def _find_reasons(expected: int, found: GpuEvidence) -> Iterator[Finding]:
    if not found.has_cuda:
        yield Finding("the image has no CUDA, so TensorFlow would compute on the CPU", _BUILD)
    if not found.devices:
        yield Finding(
            f"no device: the machine has no /dev/nvidia0, expected {_count(expected)}",
            "check what the request asks for (firelib submit --dry-run); on own machines, install NVIDIA's driver and "
            "container toolkit, and on Kubernetes the device plugin",
        )
    elif not found.has_driver_library:
        yield Finding(
            f"the machine has a GPU ({', '.join(found.devices)}), the driver library libcuda.so.1 was not found: "
            f"LD_LIBRARY_PATH={found.library_path}",
            f"set LD_LIBRARY_PATH to the folder of libcuda.so.1; Vertex AI and GKE mount it at {DRIVER_FOLDER}/lib64",
        )
    if found.hidden_by is not None and found.devices:
        yield Finding(
            f"CUDA_VISIBLE_DEVICES={found.hidden_by} hides GPUs: TensorFlow sees {found.visible} of {expected}",
            "remove CUDA_VISIBLE_DEVICES from the job's env and from the image",
        )
    if 0 < len(found.devices) < expected:
        yield Finding(
            f"the machine has {_count(len(found.devices))} ({', '.join(found.devices)}), expected {expected}",
            "request a machine type with that many GPUs, or fewer: --gpu KIND:COUNT",
        )
    if found.error:
        yield Finding(f"TensorFlow cannot list the GPUs: {found.error}", "run self-check in the image")


def _count(gpus: int) -> str:
    return f"{gpus} GPU" if gpus == 1 else f"{gpus} GPUs"
