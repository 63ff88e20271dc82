"""Import TensorFlow and Keras without optional dependencies that training and prediction do not use."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from firelib.console import silence_stderr

# Keras imports both, if they are installed, for `keras.wrappers` and `keras.visualization`: about 2 of 7 CPU-seconds.
_OPTIONAL = ("matplotlib", "sklearn")


def import_keras() -> None:
    """Import TensorFlow and Keras, so that a later `import keras` costs nothing.

    Unless scikit-learn or Matplotlib has been imported before, `keras.wrappers` and `keras.visualization` work without
    them in this process. Both libraries can be imported as usual afterwards.
    """
    with silence_stderr(), _hide_modules(*_OPTIONAL), pause_garbage_collector():
        import keras  # noqa: F401  for its effect
        import tensorflow  # noqa: F401


def import_tensorflow() -> None:
    """Import TensorFlow, under the same conditions as `import_keras`."""
    with silence_stderr(), _hide_modules(*_OPTIONAL), pause_garbage_collector():
        import tensorflow  # noqa: F401  for its effect


@contextmanager
def pause_garbage_collector() -> Iterator[None]:
    """Pause the garbage collector: traversing the objects of new modules takes a sixth of a large import."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def _hide_modules(*names: str) -> Iterator[None]:
    """Make imports of these modules fail, as if they were not installed. Modules that are imported already stay."""
    hidden = [name for name in names if name not in sys.modules]
    modules: dict[str, Any] = sys.modules  # None marks a missing module
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            modules.pop(name)
