"""What does it cost to begin in the middle of an epoch? Time to the first batch at several steps, against step 0.

    python -m benchmarks.tfrecord_seek [--rows 400000] [--rounds 7] [--batch 512]

A time is that of `open_dataset`, `as_tf(start_step=…)` and its first batch, all anew and with another seed each round,
so that nothing is left from before but the page cache; half a second passes in between, so that the read-ahead of the
one before has ended. Differences to step 0 are taken within a round.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import datasets
from benchmarks.measure import finding, save, spread
from benchmarks.on_cpu import import_tensorflow
from firelib import open_dataset, write_tfrecords
from firelib.console import note

_PLACES = (0.0, 0.1, 0.5, 0.9, 0.99)
_CASES = ("images", "strings")  # one of each layout
_REST_SECONDS = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    import_tensorflow()
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for name in _CASES:
            data = getattr(datasets, name)(options.rows)
            write_tfrecords(data.columns, f"{folder}/{name}", data.features[:-1], label=data.features[-1])
            for shuffled in (False, True):
                title = f"{data.title}, {'shuffled' if shuffled else 'in file order'}"
                note(f"seeking in {title}")
                cases.append(_measure(title, Path(folder, name), options.batch, shuffled, options.rounds))
    note(f"figures: {save('tfrecord_seek', 'What does it cost to begin in the middle of an epoch?', cases)}")


def _measure(title: str, folder: Path, batch: int, shuffled: bool, rounds: int) -> dict[str, Any]:
    steps = [int(place * open_dataset(str(folder)).rows("train") / batch) for place in _PLACES]
    times = _interleaved(folder, batch, steps, shuffled, rounds)
    bars = [{"name": f"step {step:,}", **spread(times[step])} for step in steps]
    more = {step: [there - start for there, start in zip(times[step], times[0], strict=True)] for step in steps[1:]}
    farthest = finding(f"step {steps[-1]:,}: more than step 0", spread(more[steps[-1]]), "ms", "< 50")
    worst = max(more, key=lambda step: statistics.median(more[step]))
    most = finding(f"slowest step ({worst:,}): more than step 0", spread(more[worst]), "ms", "< 50")
    return {"title": title, "unit": "ms", "bars": bars, "findings": [farthest, most], "absent": {}}


def _interleaved(folder: Path, batch: int, steps: list[int], shuffled: bool, rounds: int) -> dict[int, list[float]]:
    """Milliseconds for each step, one a round; one more round before."""
    times: dict[int, list[float]] = {step: [] for step in steps}
    for seed in range(rounds + 1):
        for step in steps:
            time.sleep(_REST_SECONDS)
            seconds = _first_batch(folder, batch, step, seed if shuffled else None)
            if seed:
                times[step].append(1000 * seconds)
    return times


def _first_batch(folder: Path, batch: int, step: int, seed: int | None) -> float:
    """Seconds until it is there. To end the iterator takes longer: it waits for what is being read ahead."""
    start = time.perf_counter()
    batches = iter(open_dataset(str(folder)).as_tf(batch, seed=seed, start_step=step))
    next(batches)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
