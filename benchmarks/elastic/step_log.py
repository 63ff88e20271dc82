"""What rank 0 wrote down: when each step was taken, and by how many workers."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """A step.

    Attributes:
        time: When it was taken, in seconds of `time.time`.
        step: The step, counted from 1; a repeated step has the same number.
        workers: Number of workers that took it.
        file: Name of the file, which each attempt has for itself.
    """

    time: float
    step: int
    workers: int
    file: str


@dataclass(frozen=True)
class Recovery:
    """How training went on after an event.

    Attributes:
        first_step: Seconds until the next attempt's first step.
        passed: Seconds until a step was taken that had not been taken before the event.
        lost: Steps that were taken again.
        workers: Number of workers that went on.
    """

    first_step: float
    passed: float
    lost: int
    workers: int


def read_records(folder: Path) -> list[Record]:
    """Read the lines of all attempts by time. The last line of a killed worker may be torn, and is left out."""
    records = [
        Record(float(parts[0]), int(parts[1]), int(parts[2]), file.name)
        for file in folder.iterdir()
        for line in file.read_text().splitlines(keepends=True)
        if line.endswith("\n") and len(parts := line.split()) == 3
    ]
    return sorted(records, key=lambda record: record.time)


def find_recovery(records: Sequence[Record], at: float) -> Recovery | None:
    """Find how training went on after an event.

    Args:
        records: All records by time.
        at: Time of the event.

    Returns:
        The recovery; None if no new step has been taken yet.
    """
    begins: dict[str, float] = {}
    for record in records:
        begins.setdefault(record.file, record.time)
    before = [record for record in records if begins[record.file] <= at]
    after = [record for record in records if begins[record.file] > at]
    last = max((record.step for record in before), default=0)
    passed = next((record for record in after if record.step > last), None)
    if passed is None:
        return None
    first = after[0]
    return Recovery(first.time - at, passed.time - at, last - first.step + 1, passed.workers)


def count_repeated(records: Sequence[Record]) -> int:
    """Count the steps that were taken again after a loss."""
    return len(records) - len({record.step for record in records})


def step_seconds(records: Sequence[Record]) -> dict[int, float]:
    """Median seconds of an undisturbed step by number of workers."""
    by_file: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_file[record.file].append(record)
    seconds: dict[int, list[float]] = defaultdict(list)
    for own in by_file.values():
        for earlier, later in pairwise(own):
            seconds[later.workers].append(later.time - earlier.time)
    return {workers: statistics.median(each) for workers, each in seconds.items()}
