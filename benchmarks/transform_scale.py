"""Is the cost of the transform linear: over source files, and over partitions?

    python -m benchmarks.transform_scale [--rows 10000000] [--rounds 3] [--short]

The recipe has a group-by, a join of two large tables and a join with a small one. Each measurement is a process of its
own. One Ray is up before; what else a process needs, such as Ray's workers, counts. `transform_engines` compares with
other engines.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engines.figures import Figures
from benchmarks.engines.run_job import run_job, warm_ray
from benchmarks.engines.trips import make_tables, paths_of, write_lake
from benchmarks.harness.measure import finding, repeat_rounds, save, spread
from firelib.console import note

_FILES = (12, 120, 480, 2000)
_PARTITIONS = (12, 120, 480)
_Results = Mapping[str, Sequence[Figures]]


@dataclass(frozen=True)
class Job:
    """One way to run the job.

    Attributes:
        files: Number of files, and of commits, of the large table.
        partition_bytes: `data.partition_bytes`; 0 is the default.
    """

    files: int
    partition_bytes: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="300,000 rows, one round, up to 120 files and partitions")
    options = parser.parse_args()
    rows, rounds = (300_000, 1) if options.short else (options.rows, options.rounds)
    most = 120 if options.short else 2000
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder:
        cases = _measure(Path(folder), rows, rounds, most)
    for case in cases:
        for one in case["findings"]:
            note(f"{case['title']}: {one['what']}: {one['value']:.2f} {one['unit']} {one['goal']}")
    note(f"figures: {save('transform_scale', 'Is the cost of the transform linear?', cases, 'not controlled')}")


def _measure(folder: Path, rows: int, rounds: int, most: int) -> list[dict[str, Any]]:
    files = [count for count in _FILES if count <= most]
    partitions = [count for count in _PARTITIONS if count <= most]
    nbytes = _write_lakes(folder, rows, files)
    divided = max(partitions)  # a file is not divided further than at its row groups
    over_files = {f"{count} files": Job(count) for count in files}
    over_partitions = {f"{count} partitions": Job(divided, nbytes // count) for count in partitions}
    results = _run_rounds({**over_files, **over_partitions}, folder, rounds)
    title = f"{rows:,} rows"
    return [
        _growth(f"{title}, source files", list(over_files), results, "≤ 2"),
        _growth(f"{title}, partitions", list(over_partitions), results, ""),
    ]


def _write_lakes(folder: Path, rows: int, files: Sequence[int]) -> int:
    """Write a lake for each number of files; return the size of the large table in memory, in bytes."""
    tables = make_tables(rows)
    for count in files:
        note(f"writing {rows:,} rows as {count} commits")
        write_lake(tables, count, paths_of(folder / str(count)))
    return int(tables["trips"].nbytes)


def _run_rounds(ways: Mapping[str, Job], folder: Path, rounds: int) -> _Results:
    """Name → figures of each round."""
    names = list(ways)
    with warm_ray() as ray:

        def measure(call: int) -> dict[str, Figures]:
            begin, found = call % len(names), {}
            for name in names[begin:] + names[:begin]:
                job = ways[name]
                found[name] = figures = run_job("firelib", folder / str(job.files), ray, job.partition_bytes)
                note(f"{name}: {figures.seconds:.1f} s, {figures.driver_mib:.0f} MiB")
            return found

        measured = repeat_rounds(measure, rounds, warmups=0).values()
    results = {name: [figures[name] for figures in measured] for name in names}
    _require_equal_rows(results)
    return results


def _require_equal_rows(results: _Results) -> None:
    rows = {name: figures[0].rows for name, figures in results.items()}
    if len(set(rows.values())) != 1:
        raise RuntimeError(f"expected the same rows of all jobs, got {rows}")


def _growth(title: str, names: Sequence[str], results: _Results, goal: str) -> dict[str, Any]:
    """A case that compares the largest number with the smallest one."""
    first, last = results[names[0]], results[names[-1]]
    seconds = [after.seconds / before.seconds for before, after in zip(first, last, strict=True)]
    memory = [after.driver_mib / before.driver_mib for before, after in zip(first, last, strict=True)]
    findings = [
        finding(f"seconds: {names[-1]} ÷ {names[0]}", spread(seconds), "×", goal),
        finding(f"driver's memory: {names[-1]} ÷ {names[0]}", spread(memory), "×", "≤ 1.2"),
    ]
    bars = [_bar(name, results[name]) for name in names]
    return {"title": title, "unit": "s", "bars": bars, "findings": findings, "absent": {}}


def _bar(name: str, results: Sequence[Figures]) -> dict[str, Any]:
    memory = max(figures.driver_mib for figures in results)
    seconds = spread([figures.seconds for figures in results])
    return {"name": name, **seconds, "settings": f"driver {memory:.0f} MiB (PSS)"}


if __name__ == "__main__":
    main()
