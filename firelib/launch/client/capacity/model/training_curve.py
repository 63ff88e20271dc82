"""How the time of a training step depends on the batch and on the number of workers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from statistics import NormalDist, median

import numpy as np

from firelib.launch.client.capacity.model.network import AllReduce, Network
from firelib.launch.client.capacity.model.stage_curve import fit_growth


@dataclass(frozen=True)
class StepSample:
    """A measured step.

    Attributes:
        workers: Workers of the group.
        batch_rows: Rows of the global batch.
        seconds: Seconds of a step without its wait for data.
    """

    workers: int
    batch_rows: float
    seconds: float


@dataclass(frozen=True)
class StepCurve:
    """Seconds of a step: the slowest of W workers computes its share of the batch, then all exchange gradients.

    Attributes:
        fixed: Seconds of a step however small its batch.
        per_row: Seconds per row of a worker's share.
        spread: Standard deviation of the logarithm of a worker's step.
        weights_bytes: Bytes that the all-reduce sums up.
        all_reduce: The exchange of gradients.
        most_workers: Workers of the largest measurement.
    """

    fixed: float
    per_row: float
    spread: float
    weights_bytes: float
    all_reduce: AllReduce
    most_workers: int = 1

    def compute(self, batch_rows: float, workers: int) -> float:
        """Median seconds in which a worker computes its share of a batch.

        Args:
            batch_rows: Rows of the global batch.
            workers: Workers of the group.
        """
        return self.fixed + self.per_row * batch_rows / workers

    def exchange(self, workers: int, machines: int = 1, network: Network | None = None) -> float:
        """Seconds of the all-reduce.

        Args:
            workers: Workers of the group.
            machines: Machines that they run on.
            network: The network between the machines.
        """
        return self.all_reduce.seconds(workers, self.weights_bytes, machines, network) if workers > 1 else 0.0

    def seconds(self, batch_rows: float, workers: int, machines: int = 1, network: Network | None = None) -> float:
        """Predict the seconds of a step without its wait for data.

        Args:
            batch_rows: Rows of the global batch.
            workers: Workers of the group.
            machines: Machines that they run on.
            network: The network between the machines.
        """
        computing = self.compute(batch_rows, workers) * slowest_of(workers, self.spread)
        return computing + self.exchange(workers, machines, network)


def slowest_of(workers: int, spread: float) -> float:
    """How much longer than the median the slowest of several workers takes, on average.

    Args:
        workers: Workers that wait for each other.
        spread: Standard deviation of the logarithm of a worker's time.
    """
    return exp(spread * NormalDist().inv_cdf((workers - 0.375) / (workers + 0.25)))  # Blom's approximation


def fit_step(samples: Sequence[StepSample], usual: StepCurve) -> StepCurve:
    """Fit a curve to measured steps of a model.

    Args:
        samples: At least one measurement.
        usual: What counts where the samples cannot tell: the fixed seconds, without two sizes of a worker's share of
            which one is twice the other; the all-reduce, without several workers. Its spread and its bytes belong to
            the model that was measured.
    """
    alone = [sample for sample in samples if sample.workers == 1]
    groups = [sample for sample in samples if sample.workers > 1]
    computing = _fit_compute(alone, usual) if alone else _fit_compute(_without_exchange(groups, usual), usual)
    if not (alone and groups):
        return computing
    hop = median(_solve_hop(sample, computing) for sample in groups)
    most = max(sample.workers for sample in groups)
    return replace(computing, all_reduce=replace(usual.all_reduce, hop=hop), most_workers=most)


def _fit_compute(samples: Sequence[StepSample], usual: StepCurve) -> StepCurve:
    shares = np.array([sample.batch_rows / sample.workers for sample in samples])
    seconds = np.array([sample.seconds for sample in samples])
    fixed, [per_row] = fit_growth([shares], shares, seconds, usual.fixed)
    most = max(sample.workers for sample in samples)
    return replace(usual, fixed=fixed, per_row=per_row, most_workers=most)


def _without_exchange(groups: Sequence[StepSample], usual: StepCurve) -> list[StepSample]:
    """The steps of groups without the usual all-reduce, of which at most half of a step is one."""
    return [
        replace(
            sample,
            seconds=max(sample.seconds - usual.exchange(sample.workers), sample.seconds / 2)
            / slowest_of(sample.workers, usual.spread),
        )
        for sample in groups
    ]


def _solve_hop(sample: StepSample, curve: StepCurve) -> float:
    """Seconds of a message with which the curve gives a measured step; 0 if even that is too slow."""
    free = replace(curve, all_reduce=replace(curve.all_reduce, hop=0.0))
    return max(0.0, sample.seconds - free.seconds(sample.batch_rows, sample.workers)) / (2 * (sample.workers - 1))
