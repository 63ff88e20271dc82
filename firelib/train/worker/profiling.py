"""A profile of some steps, for TensorBoard."""

from collections.abc import Callable

_AFTER = 10  # steps of this start: the first ones trace, compile and fill buffers
_UNTIL = 20


class Profiler:
    """Records what TensorFlow does in steps 11 to 20 of this start.

    It leaves `plugins/profile/<time>/<host>.xplane.pb` (a protocol buffer `XSpace` of TensorFlow's profiler).

    Args:
        folder: Where the profile goes; None records nothing.
        say: Takes a line for the user.
    """

    def __init__(self, folder: str | None, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        self._steps, self._is_on = 0, False

    def trained(self, steps: int) -> None:
        """Some steps are done; what comes next may be the first, or these were the last to record."""
        self._steps += steps
        if self._is_on and self._steps >= _UNTIL:
            self._stop()
        elif self._folder is not None and not self._is_on and self._steps >= _AFTER:
            self._start(self._folder)

    def finish(self) -> None:
        """Training is over, or stopped."""
        if self._is_on:
            self._stop()
        elif self._folder is not None:
            self._say(f"no profile: it needs more than {_AFTER} steps, this start trained {self._steps}")

    def _start(self, folder: str) -> None:
        import tensorflow as tf

        tf.profiler.experimental.start(folder)
        self._is_on, self._first = True, self._steps + 1

    def _stop(self) -> None:
        import tensorflow as tf

        tf.profiler.experimental.stop()
        self._say(f"profile of steps {self._first} to {self._steps} of this start: tensorboard --logdir {self._folder}")
        self._folder, self._is_on = None, False
