"""Emulated accelerators: threads that ask for a batch, sleep for the length of a step, and ask for the next.

As in MLPerf Storage, only the input pipeline is real, and an accelerator counts as fed if it computes for at least 90 %
of the time. All threads share one pipeline.
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

BUSY = 0.9  # of the time: the accelerator counts as fed

_MOST_RAISES = 5  # to three times the estimate
_PARTS = 16
_STAGGER = 1.0  # of a step: over how long the first steps are spread


@dataclass(frozen=True)
class Trial:
    """A trial with some accelerators.

    Attributes:
        accelerators: Their number.
        utilization: The share of the time in which they computed.
    """

    accelerators: int
    utilization: float


def utilizations(
    batches: Callable[[], Iterator[Any]], step_seconds: float, warm_seconds: float, trial_seconds: float
) -> dict[str, Any]:
    """Find out how many accelerators a pipeline feeds.

    Args:
        batches: Starts an endless iteration.
        step_seconds: Length of a step.
        warm_seconds: Not measured.
        trial_seconds: Duration of a trial.

    Returns:
        `accelerators`, the largest number that was fed, and `trials`, each with a number and its utilization.
    """
    iterator = batches()
    _rate(iterator, warm_seconds)
    capacity = _rate(iterator, trial_seconds) * step_seconds
    trials = search(lambda number: utilization(iterator, number, step_seconds, trial_seconds), capacity)
    fed = [trial.accelerators for trial in trials if trial.utilization >= BUSY]
    return {
        "accelerators": max(fed, default=0),
        "trials": [[trial.accelerators, round(trial.utilization, 3)] for trial in trials],
    }


def search(measure: Callable[[int], float], capacity: float) -> list[Trial]:
    """Search the largest number of accelerators that are fed.

    From an estimate, the number is halved until all are fed, or raised in growing steps until not all are. The range
    between both is bisected to a sixteenth.

    Args:
        measure: Number of accelerators → their utilization, which falls with the number.
        capacity: Batches that the pipeline makes while an accelerator computes one step.

    Returns:
        The trials.
    """
    trials: list[Trial] = []

    def is_fed(number: int) -> bool:
        trials.append(Trial(number, measure(number)))
        return trials[-1].utilization >= BUSY

    number = max(1, int(capacity / BUSY))
    fed, starved = (number, None) if is_fed(number) else (0, number)
    step = max(1, number // _PARTS)
    while starved is None and len(trials) <= _MOST_RAISES:
        fed, starved = (fed + step, None) if is_fed(fed + step) else (fed, fed + step)
        step *= 2
    while starved is not None and not fed and starved > 1:
        fed, starved = (starved // 2, starved) if is_fed(starved // 2) else (0, starved // 2)
    while starved is not None and starved - fed > max(1, fed // _PARTS):
        middle = (fed + starved) // 2
        fed, starved = (middle, starved) if is_fed(middle) else (fed, middle)
    return trials


def utilization(iterator: Iterator[Any], accelerators: int, step_seconds: float, seconds: float) -> float:
    """Run accelerators on one iterator; return the share of the time in which they computed.

    Args:
        iterator: Endless; it is shared by all accelerators.
        accelerators: Their number.
        step_seconds: Length of a step.
        seconds: How long each of them takes new steps.

    Raises:
        Exception: The first error of the iterator.
    """
    lock, ends = threading.Lock(), []
    errors: list[BaseException] = []

    def run(index: int) -> None:
        try:
            time.sleep(_STAGGER * step_seconds * index / accelerators)
            ends.append(_steps(iterator, lock, step_seconds, seconds))
        except BaseException as error:  # noqa: BLE001  raised again by the caller's thread
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(accelerators)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(steps for steps, _ in ends) * step_seconds / sum(passed for _, passed in ends)


def _steps(iterator: Iterator[Any], lock: threading.Lock, step_seconds: float, seconds: float) -> tuple[int, float]:
    """Take steps until the time is over; return their number and the seconds until the end of the last."""
    begin, steps = time.perf_counter(), 0
    while True:
        with lock:
            next(iterator)
        time.sleep(step_seconds)  # the accelerator computes
        steps, passed = steps + 1, time.perf_counter() - begin
        if passed >= seconds:
            return steps, passed


def _rate(iterator: Iterator[Any], seconds: float) -> float:
    """Iterate for a while; return the batches per second."""
    begin, count = time.perf_counter(), 0
    while (passed := time.perf_counter() - begin) < seconds:
        next(iterator)
        count += 1
    return count / passed
