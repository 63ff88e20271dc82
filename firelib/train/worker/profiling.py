"""Record a profile of some steps for TensorBoard."""

from collections.abc import Callable

_SKIPPED_STEPS = 10  # of this attempt: they trace, compile and fill buffers
_LAST_STEP = 20


class Profiler:
    """Records what TensorFlow does in steps 11 to 20 of this attempt.

    It writes `plugins/profile/<time>/<host>.xplane.pb`, a protocol buffer `XSpace` of TensorFlow's profiler.

    Args:
        folder: Where the profile is written; None records nothing.
        note: Shows a line to the user.
    """

    def __init__(self, folder: str | None, note: Callable[[str], None]) -> None:
        self._folder, self._note = folder, note
        self._steps, self._is_recording = 0, False

    def record_steps(self, steps: int) -> None:
        """Count steps that are done; start or stop recording when it is time."""
        self._steps += steps
        if self._is_recording and self._steps >= _LAST_STEP:
            self._stop()
        elif self._folder is not None and not self._is_recording and self._steps >= _SKIPPED_STEPS:
            self._start(self._folder)

    def finish(self) -> None:
        """Stop recording at the end of training."""
        if self._is_recording:
            self._stop()
        elif self._folder is not None:
            self._note(f"no profile: it needs more than {_SKIPPED_STEPS} steps, this attempt trained {self._steps}")

    def _start(self, folder: str) -> None:
        import tensorflow as tf

        tf.profiler.experimental.start(folder)
        self._is_recording, self._first = True, self._steps + 1

    def _stop(self) -> None:
        import tensorflow as tf

        tf.profiler.experimental.stop()
        steps = f"{self._first} to {self._steps}"
        self._note(f"recorded a profile of steps {steps} of this attempt: tensorboard --logdir {self._folder}")
        self._folder, self._is_recording = None, False
