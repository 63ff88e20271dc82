"""Is the cost of the transform linear: over source files, and over partitions? And against other engines?

    python -m benchmarks.transform_scale [--rows 10000000] [--rounds 3] [--short]

The recipe has a group-by, a join of two large tables and a join with a small one. Each measurement is a process of its
own. One Ray is up before; what else a process needs, such as Ray's workers, counts. dask.distributed is no dependency
of firelib: to compare with it, install the `distributed` of Dask's version.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness.measure import finding, save, spread
from benchmarks.transform_data import make_tables, write_lake
from benchmarks.transform_job import ENGINES, paths_of
from firelib.config import Environment
from firelib.console import note
from firelib.ray_setup.session import ray_session

_FILES = (12, 120, 480, 2000)
_PARTITIONS = (12, 120, 480)
_GOALS = {"DuckDB": "≤ 2", "Dask threads": "≤ 1.5", "dask.distributed": "≤ 1"}


@dataclass(frozen=True)
class Job:
    """One way to run the job.

    Attributes:
        engine: A name in `ENGINES`.
        files: Number of files, and of commits, of the large table.
        partition_bytes: `data.partition_bytes`; 0 is the default.
    """

    engine: str
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
    note(f"figures: {save('transform_scale', 'Is the cost of the transform linear?', cases)}")


def _measure(folder: Path, rows: int, rounds: int, most: int) -> list[dict[str, Any]]:
    files = [count for count in _FILES if count <= most]
    partitions = [count for count in _PARTITIONS if count <= most]
    nbytes = _write_lakes(folder, rows, files)
    divided = max(partitions)  # a file is not divided further than at its row groups
    over_files = {f"{count} files": Job("firelib", count) for count in files}
    over_partitions = {f"{count} partitions": Job("firelib", divided, nbytes // count) for count in partitions}
    engines = {name: Job(name, files[0]) for name in ENGINES}
    ways = {**over_files, **over_partitions, **engines}
    with _warm_ray() as environment:
        results, absent = _run_rounds(ways, folder, rounds, environment)
    title = f"{rows:,} rows"
    return [
        _growth(f"{title}, source files", list(over_files), results, "≤ 2"),
        _growth(f"{title}, partitions", list(over_partitions), results, ""),
        _engines(f"{title}, engines", [name for name in engines if name in results], results, absent),
    ]


def _write_lakes(folder: Path, rows: int, files: Sequence[int]) -> int:
    """Write a lake for each number of files; return the size of the large table in memory, in bytes."""
    tables = make_tables(rows)
    for count in files:
        note(f"writing {rows:,} rows as {count} commits")
        write_lake(tables, count, paths_of(folder / str(count)))
    return int(tables["trips"].nbytes)


@contextmanager
def _warm_ray() -> Iterator[dict[str, str]]:
    with ray_session(Environment()) as address:
        yield {**os.environ, "RAY_ADDRESS": address}


def _run_rounds(
    ways: dict[str, Job], folder: Path, rounds: int, environment: dict[str, str]
) -> tuple[dict[str, list[dict[str, float]]], dict[str, str]]:
    """Name → figures of each round; and name → why an engine is absent."""
    results: dict[str, list[dict[str, float]]] = {}
    absent: dict[str, str] = {}
    for index in range(rounds):
        begin = index % len(ways)
        for name in [*list(ways)[begin:], *list(ways)[:begin]]:
            if name in absent:
                continue
            try:
                figures = _run(ways[name], folder, environment)
            except RuntimeError as error:
                if ways[name].engine == "firelib":
                    raise
                absent[name] = str(error)
                note(f"{name} is omitted: {error}")
                continue
            note(f"{name}: {figures['seconds']:.1f} s, {figures['driver_mib']:.0f} MiB")
            results.setdefault(name, []).append(figures)
    _require_equal_rows(results)
    return results, absent


def _run(job: Job, folder: Path, environment: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.transform_job", job.engine, str(folder / str(job.files))]
    done = subprocess.run(  # noqa: S603  our own module
        [*command, str(job.partition_bytes)], capture_output=True, text=True, check=False, env=environment
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _require_equal_rows(results: dict[str, list[dict[str, float]]]) -> None:
    rows = {name: figures[0]["rows"] for name, figures in results.items()}
    if len(set(rows.values())) != 1:
        raise RuntimeError(f"expected the same rows of all engines, got {rows}")


def _growth(title: str, names: list[str], results: dict[str, list[dict[str, float]]], goal: str) -> dict[str, Any]:
    """A case that compares the largest number with the smallest one."""
    first, last = names[0], names[-1]
    findings = [
        finding(f"seconds: {last} ÷ {first}", _ratios(results, last, first, "seconds"), "×", goal),
        finding(f"driver's memory: {last} ÷ {first}", _ratios(results, last, first, "driver_mib"), "×", "≤ 1.2"),
    ]
    return {"title": title, "unit": "s", "bars": _bars(names, results), "findings": findings, "absent": {}}


def _engines(
    title: str, names: list[str], results: dict[str, list[dict[str, float]]], absent: dict[str, str]
) -> dict[str, Any]:
    findings = [
        finding(f"seconds: firelib ÷ {peer}", _ratios(results, "firelib", peer, "seconds"), "×", _GOALS[peer])
        for peer in names
        if peer != "firelib"
    ]
    return {"title": title, "unit": "s", "bars": _bars(names, results), "findings": findings, "absent": absent}


def _bars(names: list[str], results: dict[str, list[dict[str, float]]]) -> list[dict[str, Any]]:
    seconds = {name: [figures["seconds"] for figures in results[name]] for name in names}
    memory = {name: max(figures["driver_mib"] for figures in results[name]) for name in names}
    return [
        {"name": name, **spread(seconds[name]), "settings": f"driver {memory[name]:.0f} MiB (PSS)"} for name in names
    ]


def _ratios(results: dict[str, list[dict[str, float]]], one: str, other: str, what: str) -> dict[str, float]:
    pairs = zip(results[one], results[other], strict=True)
    return spread([mine[what] / theirs[what] for mine, theirs in pairs])


if __name__ == "__main__":
    main()
