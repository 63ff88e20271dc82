"""How many accelerators does one core keep busy for 90 % of the time?

    python -m benchmarks.accelerators [--short] [--rows 100000] [--rounds 3] [--milliseconds 100] [--only firelib MDS …]

Accelerators are emulated, as in MLPerf Storage: each asks for a batch and sleeps for the length of a step. They share
one pipeline, which runs, with all processes that it starts, on one core. Files are in the page cache.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import datasets
from benchmarks.harness.measure import Way, compared, present, save, spread
from benchmarks.input.contenders import SHORT, Contender, chosen
from benchmarks.input.files import Files
from benchmarks.input.process import measure, with_second_attempt
from firelib.console import note

NAME, QUESTION = "accelerators", "How many accelerators does one core keep at least 90 % busy?"

_CPUS = 1


def main() -> None:
    note(f"figures: {save(NAME, QUESTION, _cases(_options()))}")


def _cases(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Measure case after case, so that those that are finished are saved."""
    contenders = _on_one_core(options)
    with tempfile.TemporaryDirectory() as folder:
        for make in datasets.MAKERS[:1] if options.short else datasets.MAKERS:
            files = Files(make(options.rows), Path(folder, make.__name__))
            note(f"accelerators: {files.title}")
            yield _measured(files, contenders, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="three peers, pictures, one round: two minutes")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--milliseconds", type=float, default=100, help="a step")
    parser.add_argument("--seconds", type=float, default=2, help="of a trial with some accelerators")
    parser.add_argument("--only", nargs="+", metavar="CONTENDER")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.short else 3)
    return options


def _on_one_core(options: argparse.Namespace) -> list[Contender]:
    """The contenders without several processes, which one core cannot run at the same time."""
    contenders = chosen(options.only or (SHORT if options.short else ()))
    return [contender for contender in contenders if contender.options.get("workers", 0) == 0]


def _measured(files: Files, contenders: Sequence[Contender], options: argparse.Namespace) -> dict[str, Any]:
    """Measure all contenders in each round; return a case of the report."""
    makers = {contender.name: partial(_way, files, contender, options) for contender in contenders}
    ways, absent = present(makers)
    numbers: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            numbers[name].append(float(way.run() or 0))
    step = f"{options.batch} rows every {options.milliseconds:g} ms"
    case = compared(f"{files.title}, {step}", ways, numbers, [], absent)
    return {**case, "unit": "accelerators", "findings": _findings(numbers)}


def _findings(numbers: dict[str, list[float]]) -> list[dict[str, Any]]:
    """One line per contender, not ratios: a contender may feed none."""
    return [
        {"what": f"{name}: accelerators per core", **spread(values), "unit": "", "goal": ""}
        for name, values in numbers.items()
    ]


def _way(files: Files, contender: Contender, options: argparse.Namespace) -> Way:
    job = files.job(contender, str(files.path(contender)), options.batch, _CPUS)
    arguments = {
        "step_seconds": options.milliseconds / 1e3,
        "warm_seconds": options.seconds / 2,
        "trial_seconds": options.seconds,
    }
    core = [max(os.sched_getaffinity(0))]  # the first one serves most interrupts
    run_once: Callable[[], Any] = partial(measure, contender.python(), job, "accelerators", arguments, cores=core)
    # A contender that fails is omitted, and does not end the benchmark.
    measure(contender.python(), job, "steady", {"warm_seconds": 0, "seconds": 0}, cores=core)
    return Way(
        lambda: float(with_second_attempt(run_once)["accelerators"]), contender.settings, rows=1, counts_cpu=False
    )


if __name__ == "__main__":
    main()
