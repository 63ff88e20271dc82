"""How fast do other engines do the same transform, with how much memory and processor time?

    python -m benchmarks.transform_engines [--rows 10000000] [--rounds 3] [--short] [--engines firelib DuckDB …]

The job has a group-by, a join of two large tables, a join with a small one, a split, and shards in the order of a hash
of the key. Each engine runs in a process of its own. One Ray is up before, and so is Dask's cluster; what else an
engine needs counts, and so do the workers. Each engine does a small job before the first round, which also compares the
records of all engines. dask.distributed is installed in `.bench-envs/`.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.engines.contenders import ENGINES
from benchmarks.engines.figures import Figures
from benchmarks.engines.run_job import WarmRay, run_job, warm_ray
from benchmarks.engines.shards import digest, find_shards
from benchmarks.engines.trips import make_tables, paths_of, write_lake
from benchmarks.harness.measure import Pair, Way, compared, finding, interleaved, present, save, spread
from firelib.console import note

_FILES = 12
_SMALL = 3000  # rows of the job that shows whether an engine works here
_PEERS = [name for name in ENGINES if name != "firelib"]


class Contest:
    """The jobs of all engines on the same tables.

    Args:
        folder: Has a folder `small` and a folder `large`, each with a lake.
        rows: Rows of the large table.
        ray: The Ray that is up.

    Attributes:
        figures: Engine → figures of its jobs.
        written: Engine → the records that its first job wrote, as a text.
    """

    def __init__(self, folder: Path, rows: int, ray: WarmRay) -> None:
        self._folder, self._rows, self._ray = folder, rows, ray
        self.figures: dict[str, list[Figures]] = {}
        self.written: dict[str, str] = {}

    def make_way(self, engine: str) -> Way:
        """A way of the benchmark.

        Args:
            engine: Name of the engine.

        Raises:
            RuntimeError: The engine is not installed, or fails.
        """
        run_job(engine, self._folder / "small", self._ray)
        return Way(partial(self._run, engine), ENGINES[engine].settings, self._rows, counts_cpu=False)

    def _run(self, engine: str) -> float:
        folder = self._folder / "large"
        figures = run_job(engine, folder, self._ray)
        self.figures.setdefault(engine, []).append(figures)
        note(f"{engine}: {figures.seconds:.1f} s, {figures.cpu_seconds:.1f} s of processors, {figures.mib:.0f} MiB")
        if engine not in self.written:
            self.written[engine] = f"{figures.rows:,} rows, hash {digest(find_shards(folder, engine))}"
        return figures.seconds

    def measured(self, engine: str, calls: Sequence[int]) -> list[Figures]:
        """The figures of an engine in the rounds that count.

        Args:
            engine: Its name.
            calls: Numbers of these rounds, as in `Rates.calls`.
        """
        return [self.figures[engine][call] for call in calls]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="1,000,000 rows")
    parser.add_argument("--engines", nargs="+", choices=list(ENGINES), default=list(ENGINES))
    options = parser.parse_args()
    rows = 1_000_000 if options.short else options.rows
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder, warm_ray() as ray:
        case = measure(Path(folder), rows, options.rounds, options.engines, ray)
    for one in case["findings"]:
        note(f"{one['what']}: {one['value']:.3g} {one['unit']} {one['goal']}")
    question = "How fast do engines do the same transform?"
    note(f"figures: {save('transform_engines', question, [case], 'warm: the files are written just before')}")


def measure(folder: Path, rows: int, rounds: int, engines: Sequence[str], ray: WarmRay) -> dict[str, Any]:
    """The case of the report.

    Args:
        folder: Where the tables and the datasets go.
        rows: Rows of the large table.
        rounds: Number of measured rounds.
        engines: Names of the engines.
        ray: The Ray that is up.

    Raises:
        RuntimeError: The engines disagree about the records.
    """
    for size, count in (("small", _SMALL), ("large", rows)):
        note(f"writing {count:,} rows as {_FILES} commits")
        write_lake(make_tables(count), _FILES, paths_of(folder / size))
    contest = Contest(folder, rows, ray)
    makers: Mapping[str, Callable[[], Way]] = {name: partial(contest.make_way, name) for name in engines}
    ways, absent = present(makers)
    rates = interleaved(ways, rounds, turn_seconds=0, warmups=0)
    require_equal(contest.written)
    pairs = [Pair("firelib", peer, ENGINES[peer].goal) for peer in _PEERS]
    case = compared(f"{rows:,} rows", ways, rates, pairs, absent)
    measured = {name: contest.measured(name, rates.calls) for name in ways}
    return {**case, "findings": [*case["findings"], *_describe(measured)]}


def require_equal(written: Mapping[str, str]) -> None:
    """Check that all engines wrote the same records.

    Args:
        written: Engine → what it wrote.

    Raises:
        RuntimeError: They did not.
    """
    if len(set(written.values())) > 1:
        raise RuntimeError(f"expected the same records of all engines, got {written}")


def _describe(figures: Mapping[str, Sequence[Figures]]) -> list[dict[str, Any]]:
    """Findings on the processor time and the memory of each engine."""
    return [
        *(
            finding(f"{name}: processor time per million rows", spread([_per_million(one) for one in each]), "s")
            for name, each in figures.items()
        ),
        *(
            finding(f"{name}: peak memory of all processes", spread([one.mib for one in each]), "MiB")
            for name, each in figures.items()
        ),
    ]


def _per_million(figures: Figures) -> float:
    return figures.cpu_seconds / figures.rows * 1e6


if __name__ == "__main__":
    main()
