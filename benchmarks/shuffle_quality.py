"""How well is an epoch mixed? Our order against `tf.data`'s shuffle buffer and a full permutation; no timing.

    python -m benchmarks.shuffle_quality [--rows 1000000] [--batch 512] [--seeds 5]

Two metrics: Spearman's rank correlation between a row's index in the epoch and in the file, ideally 0; and the mean
distance in the file of two neighbours in the epoch, relative to that of a full permutation (a third of the rows).
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.harness.measure import finding, save, spread
from benchmarks.harness.on_cpu import import_tensorflow
from firelib.console import note
from firelib.tfrecord.read.epoch_order import EpochOrder

Order = npt.NDArray[np.int64]

_BUFFER = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    import_tensorflow()
    ways: dict[str, Callable[[int], Order]] = {
        "firelib": lambda seed: ours(options.rows, options.batch, seed),
        f"shuffle({_BUFFER:,})": lambda seed: buffered(options.rows, _BUFFER, seed),
        "permutation": lambda seed: np.random.default_rng(seed).permutation(options.rows),
    }
    orders = {name: [make(seed) for seed in range(options.seeds)] for name, make in ways.items()}
    title = f"{options.rows:,} rows"
    cases = [
        _case(f"{title}, rank correlation", "", orders, correlation, {"firelib": "0"}),
        _case(f"{title}, distance of neighbours", "", orders, distance, {"firelib": "1"}),
    ]
    note(f"figures: {save('shuffle_quality', 'How well is an epoch mixed?', cases, page_cache='not used')}")


def ours(rows: int, batch: int, seed: int) -> Order:
    """Row indices in firelib's order of an epoch."""
    order = EpochOrder(rows, batch, seed)
    return np.concatenate([order.batch(step) for step in range(order.steps)])


def buffered(rows: int, buffer: int, seed: int) -> Order:
    """Row indices in the order of `tf.data.Dataset.shuffle`."""
    import tensorflow as tf

    batches = tf.data.Dataset.range(rows).shuffle(buffer, seed=seed).batch(4096)
    return np.concatenate(list(batches.as_numpy_iterator()))


def correlation(order: Order) -> float:
    """Spearman's rank correlation with the order of the file; indices are their own ranks."""
    return float(np.corrcoef(order, np.arange(len(order)))[0, 1])


def distance(order: Order) -> float:
    """Mean distance of neighbours, relative to a full permutation's."""
    return float(np.abs(np.diff(order)).mean() / (len(order) / 3))


def _case(
    title: str,
    unit: str,
    orders: dict[str, Sequence[Order]],
    figure: Callable[[Order], float],
    goals: dict[str, str],
) -> dict[str, Any]:
    values = {name: spread([figure(order) for order in each]) for name, each in orders.items()}
    bars = [{"name": name, **value} for name, value in values.items()]
    findings = [finding(name, value, unit, goals.get(name, "")) for name, value in values.items()]
    return {"title": title, "unit": unit, "bars": bars, "findings": findings, "absent": {}}


if __name__ == "__main__":
    main()
