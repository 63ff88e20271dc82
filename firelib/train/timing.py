"""Measure how long the phases of an attempt take."""

import threading
import time
from array import array
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Meter:
    """Adds up seconds by activity, and the durations of all steps.

    Args:
        started: When the driver began to start the workers, in seconds of `time.time`.
    """

    def __init__(self, started: float) -> None:
        self._started = started
        self._seconds: dict[str, float] = defaultdict(float)
        self._step_times = array("d")  # seconds of every step, eight bytes each
        self._stepping, self._rows = 0.0, 0
        self._lock = threading.Lock()  # another thread writes checkpoints

    @contextmanager
    def time(self, activity: str) -> Iterator[None]:
        """Add the duration of the block to an activity."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                self._seconds[activity] += time.perf_counter() - begun

    def record_steps(self, seconds: float, data_seconds: float, steps: int, rows: int) -> None:
        """Record one call of the train step. The first call traces and compiles: it counts as start-up.

        Args:
            seconds: Duration of the call without the time it waited for data.
            data_seconds: Seconds it waited for data.
            steps: Steps in the call.
            rows: Rows of the call over all workers.
        """
        if not self._seconds["start_up"]:
            self._seconds["start_up"] = time.time() - self._started
            return
        self._seconds["data"] += data_seconds
        self._step_times.extend([seconds / steps] * steps)
        self._stepping += seconds
        self._rows += rows

    @property
    def rows_per_second(self) -> float:
        """Rate over all workers since the first call, including the time that training waited for data."""
        training = self._stepping + self._seconds["data"]
        return self._rows / training if training else 0.0

    def summary(self) -> dict[str, float]:
        """Figures of this attempt, as they are written to timing.json.

        Returns:
            `<activity>_seconds` for every activity, and `step_seconds` for all steps together; `steps`, the number of
            timed steps; `step_p50` and `step_p99`, the seconds of one step; `rows_per_second`; `input_share`, the
            share of the time that training waited for data.
        """
        times, waiting = np.array(self._step_times or [0.0]), self._seconds["data"]
        training = self._stepping + waiting
        return {
            **{f"{activity}_seconds": seconds for activity, seconds in sorted(self._seconds.items())},
            "steps": float(len(self._step_times)),
            "step_seconds": self._stepping,
            "step_p50": float(np.percentile(times, 50)),
            "step_p99": float(np.percentile(times, 99)),
            "rows_per_second": self.rows_per_second,
            "input_share": waiting / training if training else 0.0,
        }
