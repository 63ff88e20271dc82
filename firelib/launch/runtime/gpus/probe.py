"""List the GPUs that TensorFlow sees: `python -m firelib.launch.runtime.gpus.probe` prints what it finds as JSON.

It runs as a process of its own: importing TensorFlow takes memory that the bootstrap would keep for the whole job, and
the loader reads LD_LIBRARY_PATH at the start of a process only.
"""

import ctypes
import json
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any


def main() -> None:
    """Print `visible`, `has_driver_library`, `has_cuda` and `error`."""
    visible, build, error = 0, {}, ""
    try:
        import tensorflow as tf

        build = tf.sysconfig.get_build_info()
        visible = len(tf.config.list_physical_devices("GPU"))
    except Exception as raised:  # noqa: BLE001  whatever a broken installation raises is the finding
        error = f"{type(raised).__name__}: {raised}".partition("\n")[0]
    found = {
        "visible": visible,
        "has_driver_library": _loads("libcuda.so.1"),
        "has_cuda": has_cuda(build),
        "error": error,
    }
    print(json.dumps(found), flush=True)  # noqa: T201  read by guard.py


def has_cuda(build: Mapping[str, Any]) -> bool:
    """Return whether CUDA's libraries are there, in the version that TensorFlow was built with.

    Args:
        build: What `tf.sysconfig.get_build_info` returns.
    """
    if not build.get("is_cuda_build"):
        return False
    try:
        if find_spec("nvidia.cuda_runtime") is not None:
            return True
    except ModuleNotFoundError:  # not even the package above
        pass
    return _loads(f"libcudart.so.{str(build.get('cuda_version', '')).partition('.')[0]}")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
