"""Where the time of a start goes."""

import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Meter:
    """Seconds by what they were spent on, and of every call into TensorFlow.

    Args:
        started: When the driver began to start workers, in seconds of `time.time`.
    """

    def __init__(self, started: float) -> None:
        self._started = started
        self._seconds: dict[str, float] = defaultdict(float)
        self._step_times = array("d")  # seconds of one step, for every step: eight bytes each
        self._stepping, self._rows = 0.0, 0
        self._lock = threading.Lock()  # checkpoints are written by another thread

    @contextmanager
    def time(self, what: str) -> Iterator[None]:
        """Add the seconds that the block takes."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[what] += time.perf_counter() - begun

    def trained(self, seconds: float, waited: float, steps: int, rows: int) -> None:
        """Note a call of some steps; the first one ends the start-up, and is part of it: it traces and compiles.

        Args:
            seconds: That it took, without those that it waited for data.
            waited: Those.
            steps: How many.
            rows: Of all workers.
        """
        if not self._seconds["start_up"]:
            self._seconds["start_up"] = time.time() - self._started
            return
        self._seconds["data"] += waited
        self._step_times.extend([seconds / steps] * steps)
        self._stepping += seconds
        self._rows += rows

    @property
    def rows_per_second(self) -> float:
        """Of the training so far, waiting for data included; all workers together."""
        training = self._stepping + self._seconds["data"]
        return self._rows / training if training else 0.0

    def summary(self) -> dict[str, float]:
        """Figures in seconds, shares and rows a second, of this start of the workers.

        `input_share` is the time that training waited for data; `step_p50` and `step_p99` are of one step.
        """
        times, waiting = np.array(self._step_times or [0.0]), self._seconds["data"]
        training = self._stepping + waiting
        return {
            **{f"{what}_seconds": seconds for what, seconds in sorted(self._seconds.items())},
            "steps": float(len(self._step_times)),
            "step_seconds": self._stepping,
            "step_p50": float(np.percentile(times, 50)),
            "step_p99": float(np.percentile(times, 99)),
            "rows_per_second": self.rows_per_second,
            "input_share": waiting / training if training else 0.0,
        }
