"""Simulate a training of many workers that share a bucket: queueing, stragglers and barriers.

A closed formula knows means only. Here every worker of every step draws its own time, and every fetch of a window its
own latency; transfers queue for the bucket and for the machine's network, first come, first served. NumPy computes a
window of all workers at once, so hundreds of workers take milliseconds, without an event loop.
"""

from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from firelib.launch.client.capacity.model.network import Network
from firelib.launch.client.capacity.model.read_curve import ReadCurve
from firelib.launch.client.capacity.model.training_curve import StepCurve

_Times = npt.NDArray[np.float64]
_LATENCY_SPREAD = 0.5  # of the logarithm of a request's latency: buckets have a long tail


@dataclass(frozen=True)
class Group:
    """Workers that train together.

    Attributes:
        machines: Machines.
        per_machine: Workers on each of them.
        batch_rows: Rows of a global batch.
        network: The network to the bucket, and between the machines.
    """

    machines: int
    per_machine: int
    batch_rows: int
    network: Network

    @property
    def workers(self) -> int:
        """All workers."""
        return self.machines * self.per_machine


def simulate_step(
    group: Group, steps: StepCurve, reading: ReadCurve, missing: float = 1.0, windows: int = 12, seed: int = 0
) -> float:
    """Simulate some windows of an epoch.

    Args:
        group: The workers.
        steps: How long they compute and exchange gradients.
        reading: How they fetch rows.
        missing: Share of the rows that is not in their caches yet.
        windows: Windows to simulate, after one that fills the buffers.
        seed: Of the draws. The same seed gives the same result.

    Returns:
        Seconds of a step, including the wait for data.
    """
    random = np.random.default_rng(seed)
    per_window = max(1, reading.window_rows // group.batch_rows)
    fetched = _fetch(np.zeros(group.workers), group, reading, missing, random)
    begun, first = float(fetched.max()), 0.0
    for window in range(windows + 1):
        if window == 1:
            first = begun
        following = _fetch(np.maximum(fetched, begun), group, reading, missing, random)
        done = begun + _compute(group, steps, per_window, random)
        begun, fetched = max(done, float(following.max())), following
    return (begun - first) / (windows * per_window)


def _compute(group: Group, steps: StepCurve, count: int, random: np.random.Generator) -> float:
    """Seconds of some steps, each of which waits for its slowest worker."""
    draws = random.lognormal(0.0, steps.spread, (count, group.workers)).max(axis=1).sum()
    median = steps.compute(group.batch_rows, group.workers)
    return median * float(draws) + count * steps.exchange(group.workers, group.machines, group.network)


def _fetch(asked: _Times, group: Group, reading: ReadCurve, missing: float, random: np.random.Generator) -> _Times:
    """When each worker has its part of a window, whose requests it sends at the times `asked`."""
    if missing <= 0:
        return asked
    unlimited = Network(group.network.latency, inf)
    alone = reading.fetch(group.workers, group.machines, unlimited)
    waits = group.network.latency * (random.lognormal(0.0, _LATENCY_SPREAD, group.workers) - 1)
    ready = asked + missing * alone + np.maximum(waits, -group.network.latency)
    nbytes = missing * reading.window_rows * reading.row_bytes / group.workers
    through_bucket = queue(ready, nbytes / group.network.bucket_bytes)
    by_machine = ready.reshape(group.machines, group.per_machine)
    through_machine = np.stack([queue(part, nbytes / group.network.machine_bytes) for part in by_machine]).ravel()
    return np.maximum(through_bucket, through_machine)


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
