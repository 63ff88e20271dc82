"""TensorFlow on the CPU, without what its import writes to standard error."""

import importlib
import os

from firelib.console import silence_stderr


def import_tensorflow() -> None:
    """To be called before anything else imports it."""
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    with silence_stderr():
        importlib.import_module("tensorflow")
