"""What does it cost to start in the middle of an epoch? Time to the first batch at several steps, against step 0.

    python -m benchmarks.tfrecord_seek [--rows 400000] [--rounds 7] [--batch 512]

Times `open_dataset`, `as_tf(start_step=…)` and the first batch, with another seed in each round, so that only the page
cache is warm. A pause of half a second lets the previous iterator's prefetching end. Differences to step 0 are taken
within a round.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import datasets
from benchmarks.harness.measure import finding, repeat_rounds, save, spread
from benchmarks.harness.on_cpu import import_tensorflow
from firelib import open_dataset, write_tfrecords
from firelib.console import note

_FRACTIONS = (0.0, 0.1, 0.5, 0.9, 0.99)  # of the epoch
_CASES = ("images", "strings")  # one of each layout
_PAUSE_SECONDS = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(Path(folder), options.rows, options.batch, options.rounds)
        note(f"figures: {save('tfrecord_seek', 'What does it cost to begin in the middle of an epoch?', cases)}")


def _cases(folder: Path, rows: int, batch: int, rounds: int) -> Iterator[dict[str, Any]]:
    for name in _CASES:
        data = getattr(datasets, name)(rows)
        write_tfrecords(data.columns, str(folder / name), data.features[:-1], label=data.features[-1])
        for shuffled in (False, True):
            title = f"{data.title}, {'shuffled' if shuffled else 'in file order'}"
            note(f"seeking in {title}")
            yield _measure(title, folder / name, batch, shuffled, rounds)


def _measure(title: str, folder: Path, batch: int, shuffled: bool, rounds: int) -> dict[str, Any]:
    steps = [int(fraction * open_dataset(str(folder)).rows("train") / batch) for fraction in _FRACTIONS]
    times = _interleaved(folder, batch, steps, shuffled, rounds)
    bars = [{"name": f"step {step:,}", **spread(times[step])} for step in steps]
    more = {step: [there - start for there, start in zip(times[step], times[0], strict=True)] for step in steps[1:]}
    farthest = finding(f"step {steps[-1]:,}: more than step 0", spread(more[steps[-1]]), "ms", "< 50")
    worst = max(more, key=lambda step: statistics.median(more[step]))
    most = finding(f"slowest step ({worst:,}): more than step 0", spread(more[worst]), "ms", "< 50")
    return {"title": title, "unit": "ms", "bars": bars, "findings": [farthest, most], "absent": {}}


def _interleaved(folder: Path, batch: int, steps: list[int], shuffled: bool, rounds: int) -> dict[int, list[float]]:
    """Measure the milliseconds of each step in each round, after one round of warm-up."""

    def measure(call: int) -> dict[int, float]:
        return {step: 1000 * _rested(folder, batch, step, call if shuffled else None) for step in steps}

    found = repeat_rounds(measure, rounds).values()
    return {step: [times[step] for times in found] for step in steps}


def _rested(folder: Path, batch: int, step: int, seed: int | None) -> float:
    """`_first_batch` after a pause."""
    time.sleep(_PAUSE_SECONDS)
    return _first_batch(folder, batch, step, seed)


def _first_batch(folder: Path, batch: int, step: int, seed: int | None) -> float:
    """Measure the seconds until the first batch; closing the iterator, which waits for prefetching, is not included."""
    start = time.perf_counter()
    batches = iter(open_dataset(str(folder)).as_tf(batch, seed=seed, start_step=step))
    next(batches)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
