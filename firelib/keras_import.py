"""Import TensorFlow and Keras without the optional dependencies that training and prediction do not use."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from firelib.console import silence_stderr

# Keras imports both, if they are installed, for `keras.wrappers` and `keras.visualization`: about 2 of 7 CPU-seconds.
_OPTIONAL = ("matplotlib", "sklearn")


def import_keras() -> None:
    """Import TensorFlow and Keras; `import keras` anywhere later costs nothing.

    Where scikit-learn or Matplotlib has not been imported before, `keras.wrappers` and `keras.visualization` do without
    them in this process. Both libraries can be imported as usual afterwards.
    """
    with silence_stderr(), _absent(*_OPTIONAL), collector_paused():
        import keras  # noqa: F401  for its effect
        import tensorflow  # noqa: F401


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector: traversing the objects of new modules takes a sixth of a large import."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Make imports of these modules fail, as if they were not installed; modules already imported stay."""
    hidden = [name for name in names if name not in sys.modules]
    modules: dict[str, Any] = sys.modules  # None is the mark of a missing module
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            modules.pop(name)
