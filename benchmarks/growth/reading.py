"""Read a dataset that grew over versions, and one of the same rows from a single commit."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.growth.months import GrowingDataset, Together, make_month
from benchmarks.harness.drain import count, inside
from benchmarks.harness.measure import Pair, Way, compared, finding, interleaved, spread
from benchmarks.shuffle_quality import Order, correlation, distance
from firelib.tfrecord.read.dataset import Dataset, open_dataset

_BATCH = 512
_SEEDS = 5
_ONE = "one commit"
_SAME = 0.97  # of the speed: the goal
_IDENTITY = ("number_0", "number_1")  # together they tell the row; the key is not in the shards


def make_both(folder: Path, rows: int, versions: int) -> tuple[GrowingDataset, GrowingDataset]:
    """A dataset that grows version by version, and one of the same rows from one commit. Ray must be connected.

    Args:
        folder: Where the projects go.
        rows: Rows of a version.
        versions: Number of versions.

    Raises:
        RuntimeError: The datasets have different rows.
    """
    grown = GrowingDataset(folder / "grown", rows)
    for _ in range(versions):
        grown.add_months(1)
        grown.make()
    together = GrowingDataset(folder / "together", rows, Together())
    together.add_together(versions)
    together.make()
    require_same_rows(_open(grown), _open(together))
    return grown, together


def compare_reading(
    grown: GrowingDataset, together: GrowingDataset, versions: int, rounds: int
) -> Iterator[dict[str, Any]]:
    """Yield the cases of the report: rows a second, rows of a second of a processor, and how well epochs are mixed.

    Args:
        grown: The dataset that grew.
        together: The dataset from one commit.
        versions: Number of versions of the first.
        rounds: Number of measured rounds.
    """
    datasets = {f"{versions} versions": _open(grown), _ONE: _open(together)}
    rows = datasets[_ONE].manifest.splits["train"].rows
    title = f"reading {rows:,} rows, shuffled"
    yield _compare_speed(title, datasets, rounds, time.perf_counter, "rows/s")
    yield _compare_speed(f"{title}, processor time", datasets, rounds, time.process_time, "rows per processor second")
    yield _compare_mixing(f"order of {rows:,} rows", datasets, number_rows(grown.rows, versions))


def _open(dataset: GrowingDataset) -> Dataset:
    return open_dataset(str(dataset.paths.tfrecords))


def require_same_rows(one: Dataset, other: Dataset) -> None:
    """Check that two datasets have the same values in each column of each split.

    Raises:
        RuntimeError: They have not.
    """
    for split in one.manifest.splits:
        columns, others = one.as_numpy(split), other.as_numpy(split)
        different = [name for name in columns if not np.array_equal(np.sort(columns[name]), np.sort(others[name]))]
        if different:
            raise RuntimeError(f"expected the same rows of both datasets, got others in {split}: {different}")


def _compare_speed(
    title: str, datasets: dict[str, Dataset], rounds: int, clock: Callable[[], float], unit: str
) -> dict[str, Any]:
    ways = {name: _make_way(dataset, clock) for name, dataset in datasets.items()}
    rates = interleaved(ways, rounds)
    ours = next(iter(ways))
    return {**compared(title, ways, rates, [Pair(ours, _ONE, _SAME)], {}), "unit": unit}


def _make_way(dataset: Dataset, clock: Callable[[], float]) -> Way:
    """A way that reads an epoch of the training split, and returns what passed on a clock."""
    epoch = dataset.as_tf(_BATCH, seed=1)
    batches, rows = count(epoch)
    drain = inside(epoch, batches)

    def run() -> float:
        started = clock()
        drain()
        return clock() - started

    return Way(run, f"as_tf({_BATCH}, seed=1), {len(dataset.manifest.splits['train'].shards)} shards", rows)


def _compare_mixing(title: str, datasets: dict[str, Dataset], numbers: dict[bytes, int]) -> dict[str, Any]:
    """How far the order of an epoch is from that of the commits, as `shuffle_quality` measures it."""
    orders = {name: [read_order(each, seed, numbers) for seed in range(_SEEDS)] for name, each in datasets.items()}
    distances = {name: spread([distance(order) for order in each]) for name, each in orders.items()}
    findings = [
        *(
            finding(
                f"{name}: rank correlation with the order of the commits", spread([*map(correlation, each)]), "", "0"
            )
            for name, each in orders.items()
        ),
        *(finding(f"{name}: distance of neighbours", each, "", "1") for name, each in distances.items()),
    ]
    bars = [{"name": name, **each} for name, each in distances.items()]
    return {"title": title, "unit": "", "bars": bars, "findings": findings, "absent": {}}


def number_rows(rows: int, versions: int) -> dict[bytes, int]:
    """Values that tell a row → its number in the order of the commits.

    Args:
        rows: Rows of a version.
        versions: Number of versions.
    """
    months = [make_month(month, rows) for month in range(versions)]
    columns = {name: np.concatenate([month[name].to_numpy() for month in months]) for name in _IDENTITY}
    return {identity: number for number, identity in enumerate(_identify(columns))}


def read_order(dataset: Dataset, seed: int, numbers: dict[bytes, int]) -> Order:
    """The rows of an epoch, by their rank in the order of the commits.

    Args:
        dataset: Which dataset.
        seed: Seed of the order of the epoch.
        numbers: What `number_rows` returned.
    """
    batches = [features for features, _ in dataset.as_tf(_BATCH, seed=seed).as_numpy_iterator()]
    columns = {name: np.concatenate([batch[name] for batch in batches]) for name in _IDENTITY}
    found = np.array([numbers[identity] for identity in _identify(columns)])
    return np.searchsorted(np.sort(found), found)


def _identify(columns: dict[str, npt.NDArray[Any]]) -> list[bytes]:
    pairs = np.stack([columns[name].astype("<f4") for name in _IDENTITY], axis=1)
    return [bytes(pair) for pair in pairs.view("V8").ravel()]
