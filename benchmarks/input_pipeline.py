"""How fast do input pipelines feed a training loop, per second and per CPU-second, from disk and over a network?

    python -m benchmarks.input_pipeline [--short] [--rows 100000] [--rounds 3] [--only firelib Grain …]

Each run is a fresh process. From the local disk it iterates for a while, then counts: the rate in the middle of
training, with files in the page cache. From the object store it reads the first epoch, with an empty cache, from the
moment that the pipeline is built. CPU time is that of all processes that a run started. All runs have the same two
cores. Before the first round, each contender has made a batch, and its files have just been written.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import datasets
from benchmarks.harness.measure import Pair, Way, compared, interleaved, present, save
from benchmarks.input import object_store
from benchmarks.input.contenders import AHEAD_OF, OURS, SHORT, Contender, chosen
from benchmarks.input.files import Files
from benchmarks.input.process import measure, with_second_attempt
from firelib.console import note

NAME, QUESTION = "input_pipeline", "How fast do input pipelines feed a training loop?"

_CPUS = 2


@dataclass
class Runs:
    """Measures a contender again and again, and remembers the CPU time of each run.

    Attributes:
        run_once: Measures once; returns `rows`, `seconds` and `cpu_seconds`.
    """

    run_once: Callable[[], Mapping[str, Any]]
    _runs: list[tuple[float, float]] = field(default_factory=list)  # rows per second, and per CPU-second

    def __call__(self) -> float:
        """Measure once; return the seconds of a row, since runs differ in their number of rows."""
        run = with_second_attempt(self.run_once)
        self._runs.append((run["rows"] / run["seconds"], run["rows"] / run["cpu_seconds"]))
        return float(run["seconds"] / run["rows"])

    def per_cpu_second(self, rates: Sequence[float]) -> list[float]:
        """Rows per CPU-second of the runs with these rows per second: the harness may drop or repeat runs."""
        return [min(self._runs, key=lambda run: abs(run[0] - rate))[1] for rate in rates]


def main() -> None:
    page_cache = "warm: the files are written just before"
    note(f"figures: {save(NAME, QUESTION, _cases(_options()), page_cache)}")


def _cases(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure case after case, so that those that are finished are saved."""
    contenders = chosen(options.only or (SHORT if options.short else ()))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = None
        if not options.short:
            store = stack.enter_context(object_store.running(options.milliseconds / 1e3, options.mib))
        for make in datasets.MAKERS[:1] if options.short else datasets.MAKERS:
            files = Files(make(options.rows), folder / make.__name__)
            note(f"input: {files.title}, local disk")
            data = f"{files.title}, {len(_cores())} cores"
            yield from _measured(f"{data}, local disk", _local(files, contenders, options), options.rounds)
            if store:
                note(f"input: {files.title}, object store")
                title = f"{data}, object store ({options.milliseconds:g} ms, {options.mib:g} MiB/s), first epoch"
                yield from _measured(title, _remote(files, contenders, store, options), options.rounds)


def _cores() -> list[int]:
    """The cores of a run, on every machine as many, so that no contender has more of them than others."""
    return sorted(os.sched_getaffinity(0))[:_CPUS]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="three peers, pictures, local disk: four minutes")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=2, help="of a run from the local disk")
    parser.add_argument("--milliseconds", type=float, default=20, help="a round trip to the object store")
    parser.add_argument("--mib", type=float, default=50, help="bandwidth of the object store, in MiB per second")
    parser.add_argument("--only", nargs="+", metavar="CONTENDER")
    return parser.parse_args()


def _measured(title: str, makers: Mapping[str, Callable[[], Way]], rounds: int) -> list[dict[str, Any]]:
    """Measure one kind of data in one storage: a case of rows per second, and one of rows per CPU-second."""
    ways, absent = present(makers)
    if not ways:
        return [{"title": title, "unit": "rows/s", "bars": [], "findings": [], "absent": absent}]
    rates = dict(interleaved(ways, rounds, turn_seconds=0, warmups=0))  # without what the harness saw of start and end
    runs = {name: way.run for name, way in ways.items() if isinstance(way.run, Runs)}
    per_cpu = {name: run.per_cpu_second(rates[name]) for name, run in runs.items()}
    peers = [name for name in ways if name != OURS]
    goals = [Pair(OURS, name, 1 if name in AHEAD_OF else None) for name in peers]
    cpu_case = compared(f"{title}, CPU", ways, per_cpu, goals, absent)
    return [
        compared(title, ways, rates, [Pair(OURS, name) for name in peers], absent),
        {**cpu_case, "unit": "rows per CPU-second"},
    ]


def _local(files: Files, contenders: Sequence[Contender], options: argparse.Namespace) -> dict[str, Callable[[], Way]]:
    return {contender.name: partial(_local_way, files, contender, options) for contender in contenders}


def _local_way(files: Files, contender: Contender, options: argparse.Namespace) -> Way:
    job = files.job(contender, str(files.path(contender)), options.batch, len(_cores()))
    steady = partial(measure, contender.python(), job, "steady", cores=_cores())
    steady({"warm_seconds": 0, "seconds": 0})  # a contender that fails is omitted, and does not end the benchmark
    arguments = {"warm_seconds": options.seconds / 2, "seconds": options.seconds}
    return Way(Runs(partial(steady, arguments)), contender.settings, rows=1, counts_cpu=False)


def _remote(
    files: Files, contenders: Sequence[Contender], store: object_store.Store, options: argparse.Namespace
) -> dict[str, Callable[[], Way]]:
    return {contender.name: partial(_remote_way, files, contender, store, options) for contender in contenders}


def _remote_way(files: Files, contender: Contender, store: object_store.Store, options: argparse.Namespace) -> Way:
    if contender.not_remote:
        raise NotImplementedError(contender.not_remote)
    folder = files.path(contender)
    source = store.upload(folder, f"{folder.parent.name}/{folder.name}")
    job = files.job(contender, source, options.batch, len(_cores()))
    epoch = partial(measure, contender.python(), job, "epoch", variables=store.variables, cores=_cores())
    epoch({"rows": 1})
    return Way(Runs(partial(epoch, {"rows": files.rows})), contender.settings, rows=1, counts_cpu=False)


if __name__ == "__main__":
    main()
