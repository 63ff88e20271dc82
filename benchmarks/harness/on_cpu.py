"""TensorFlow on the CPU, imported without its output on standard error."""

import importlib
import os

from firelib.console import silence_stderr


def import_tensorflow() -> None:
    """Import TensorFlow; call this before any other module imports it."""
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    with silence_stderr():
        importlib.import_module("tensorflow")
