"""List the GPUs that TensorFlow sees: `python -m firelib.launch.runtime.gpus.probe` prints what it finds as JSON.

It runs as a process of its own: importing TensorFlow takes memory that the bootstrap would keep for the whole job, and
the loader reads LD_LIBRARY_PATH at the start of a process only.
"""

import ctypes
import json
from importlib.util import find_spec

_CUDA_RUNTIMES = ("libcudart.so.12", "libcudart.so.13", "libcudart.so")


def main() -> None:
    """Print `visible`, `has_driver_library`, `has_cuda` and `error`."""
    visible, error = 0, ""
    try:
        import tensorflow as tf

        visible = len(tf.config.list_physical_devices("GPU"))
    except Exception as raised:  # noqa: BLE001  whatever a broken installation raises is the finding
        error = f"{type(raised).__name__}: {raised}".partition("\n")[0]
    found = {
        "visible": visible,
        "has_driver_library": _loads("libcuda.so.1"),
        "has_cuda": _has_package("nvidia.cuda_runtime") or any(map(_loads, _CUDA_RUNTIMES)),
        "error": error,
    }
    print(json.dumps(found), flush=True)  # noqa: T201  read by guard.py


def _has_package(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # not even the package above
        return False


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
