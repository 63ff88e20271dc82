"""Simulate a training of many workers that share a bucket: queueing, stragglers and barriers.

A closed formula knows means only. Here every worker of every step draws its own time, and every fetch of a window its
own latency; transfers queue for the bucket, first come, first served. NumPy computes a window of all workers at once,
so hundreds of workers take milliseconds, without an event loop.
"""

import numpy as np
import numpy.typing as npt

from firelib.launch.client.capacity.model.group import Group
from firelib.launch.client.capacity.model.read_curve import CHUNK_BYTES, ReadCurve
from firelib.launch.client.capacity.model.training_curve import StepCurve

_Times = npt.NDArray[np.float64]
_LATENCY_SPREAD = 0.5  # of the logarithm of a request's latency: buckets have a long tail


def simulate_step(
    group: Group, steps: StepCurve, reading: ReadCurve, chunks: float = 0.0, windows: int = 12, seed: int = 0
) -> float:
    """Simulate some windows of an epoch.

    Args:
        group: The workers.
        steps: How long they compute and exchange gradients.
        reading: How they fetch rows.
        chunks: Chunks that each machine fetches for the rows of a window. A batch that is larger than a window needs
            as many more.
        windows: Windows to simulate, after one that fills the buffers.
        seed: Of the draws. The same seed gives the same result.

    Returns:
        Seconds of a step, including the wait for data.
    """
    random = np.random.default_rng(seed)
    per_window = max(1, reading.window_rows // group.batch_rows)
    chunks *= per_window * group.batch_rows / reading.window_rows
    fetched = _fetch(np.zeros(group.machines), group, reading, chunks, random)
    begun, first = float(fetched.max()), 0.0
    for window in range(windows + 1):
        if window == 1:
            first = begun
        following = _fetch(np.maximum(fetched, begun), group, reading, chunks, random)
        done = begun + _compute(group, steps, per_window, random)
        begun, fetched = max(done, float(following.max())), following
    return (begun - first) / (windows * per_window)


def _compute(group: Group, steps: StepCurve, count: int, random: np.random.Generator) -> float:
    """Seconds of some steps, each of which waits for its slowest worker."""
    draws = random.lognormal(0.0, steps.spread, (count, group.workers)).max(axis=1).sum()
    median = steps.compute(group.batch_rows, group.workers)
    return median * float(draws) + count * steps.exchange(group.workers, group.machines, group.network)


def _fetch(asked: _Times, group: Group, reading: ReadCurve, chunks: float, random: np.random.Generator) -> _Times:
    """When each machine has its part of a window, which its workers ask for at the times `asked`."""
    if chunks <= 0:
        return asked
    latency = group.network.latency * random.lognormal(0.0, _LATENCY_SPREAD, group.machines)
    ready = asked + latency + chunks * reading.request / group.per_machine
    through_bucket = queue(ready, chunks * CHUNK_BYTES / group.network.bucket_bytes)
    return np.maximum(through_bucket, ready + chunks * CHUNK_BYTES / group.network.machine_bytes)


def queue(ready: _Times, service: float) -> _Times:
    """When each transfer is done, if one after the other takes the line in the order in which they are ready.

    Args:
        ready: When each transfer could begin, float64 [transfers].
        service: Seconds that each takes.
    """
    order = np.argsort(ready, kind="stable")
    position = np.arange(1, len(ready) + 1) * service
    done = np.empty_like(ready)
    done[order] = np.maximum.accumulate(ready[order] - position + service) + position
    return done
