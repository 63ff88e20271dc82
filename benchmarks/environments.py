"""How fast does the same training run in each environment, and what does its adapter cost?

    python -m benchmarks.environments [--rounds 3] [--workers 3] [--epochs 10] [--only NAME …] [--real] [--short]

The same image, data, steps and number of workers: as a process, in containers, on clusters in containers and in the
stand-ins of platforms; and with `--real` on real platforms, where credentials lead there. What this machine lacks is
left out by name, with the reason. Containers need root on Debian, like `make test-images`. `--short` measures the
process and the containers of backend `docker` for one round of few steps.

Rates come from the training's own step metrics, without start-up and compilation. What each environment needs once
(images, hosts, a bucket) is made outside of all timers, and removed at the end, after Ctrl-C, too.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.measure import Way, compared, finding, interleaved, present, save, spread
from benchmarks.harness.process_times import adopt_orphans
from benchmarks.jobs.clouds import clouds
from benchmarks.jobs.environment import Environment, Figures, Run
from benchmarks.jobs.kfp_runner import kfp_runner
from benchmarks.jobs.lab import Lab
from benchmarks.jobs.slurm_lab import slurm
from benchmarks.jobs.ssh_cluster import ssh_cluster
from benchmarks.jobs.this_machine import compose, docker, docker_replicas, local
from benchmarks.jobs.vertex_stand_in import vertex_stand_in
from firelib.console import note
from firelib.signals import sigterm_as_ctrl_c

_QUESTION = "How fast does the same training run in each environment?"
_LOCAL = "local"
_ROWS = 1_000_000  # a way reports the seconds of a million rows
_OVERHEAD = 2.0  # percent
_COSTLY = "a run may cost money: add --real"
_SHORT_EPOCHS, _SHORT_COUNT = 3, 3


def main() -> None:
    options = _parse()
    if len(os.sched_getaffinity(0)) < (os.cpu_count() or 1):
        sys.exit("run this without taskset: containers use all cores of the machine, so the process must, too")
    chosen = choose(list_environments(options.workers), options.only, options.short)
    adopt_orphans()
    with sigterm_as_ctrl_c(), tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        lab = Lab(stack, Path(folder), options.workers, _SHORT_EPOCHS if options.short else options.epochs)
        obstacles = find_obstacles(chosen, options.real)
        cases = _measure(chosen, obstacles, lab, stack, 1 if options.short else options.rounds)
    note(f"figures: {save('environments', _QUESTION, cases)}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME")
    parser.add_argument("--real", action="store_true", help="run on real platforms, too, which may cost money")
    parser.add_argument("--short", action="store_true")
    return parser.parse_args()


def list_environments(workers: int) -> list[Environment]:
    """List all environments, the process of this machine first.

    Args:
        workers: Number of training workers.
    """
    here = [local(), docker(), docker_replicas(workers), compose()]
    return [*here, kfp_runner(), vertex_stand_in(), slurm(), ssh_cluster(), *clouds()]


def choose(environments: Sequence[Environment], only: Sequence[str], short: bool) -> list[Environment]:
    """Choose the environments to measure; the process of this machine is always among them.

    Args:
        environments: All environments.
        only: Names of the others; empty for all.
        short: Whether only the first three are measured, unless `only` names others.

    Raises:
        SystemExit: A name is unknown.
    """
    names = [each.name for each in environments]
    if unknown := sorted(set(only) - set(names)):
        sys.exit(f"unknown environment {unknown[0]!r}: expected some of {', '.join(names)}")
    wanted = only or names[: _SHORT_COUNT if short else None]
    return [each for each in environments if each.name in (_LOCAL, *wanted)]


def find_obstacles(environments: Sequence[Environment], real: bool) -> dict[str, str]:
    """Return the name of each environment that is not measured → the reason.

    Args:
        environments: The chosen environments.
        real: Whether those elsewhere are measured, too.
    """
    reasons = {each.name: each.find_obstacle() for each in environments}
    if not real:
        costly = {each.name: _COSTLY for each in environments if each.is_elsewhere and reasons[each.name] is None}
        reasons |= costly
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _measure(
    environments: Sequence[Environment], absent: Mapping[str, str], lab: Lab, stack: ExitStack, rounds: int
) -> list[dict[str, Any]]:
    for name, reason in absent.items():
        note(f"{name} is omitted: {reason}")
    seen: dict[str, list[Figures]] = {}
    possible = [each for each in environments if each.name not in absent]
    ways, failed = present({each.name: partial(_prepare, each, lab, stack, seen) for each in possible})
    rates = interleaved(ways, rounds, turn_seconds=0)  # one training a turn
    measured = {name: [seen[name][call] for call in rates.calls] for name in ways}
    title = f"flights, {lab.workers} workers"
    steady = compared(title, ways, rates, [], {**absent, **failed})
    steady["findings"] += _overheads(rates) + _prices(possible, rates, lab.workers)
    return [steady, *_other_cases(title, ways, measured)]


def _prepare(environment: Environment, lab: Lab, stack: ExitStack, seen: dict[str, list[Figures]]) -> Way:
    note(f"preparing {environment.name}")
    run = stack.enter_context(environment.set_up(lab))
    return Way(partial(_train, environment.name, run, seen), environment.settings, _ROWS, counts_cpu=False)


def _train(name: str, run: Run, seen: dict[str, list[Figures]]) -> float:
    """Run the training; keep its figures and return the seconds of a million rows."""
    figures = run()
    seen.setdefault(name, []).append(figures)
    note(
        f"{name}: {figures.rows_per_second:,.0f} rows/s, first step after {figures.first_step_seconds:.1f} s, "
        f"{figures.control_cpu_seconds:.1f} CPU-seconds beside the training workers"
    )
    return _ROWS / figures.rows_per_second


def _overheads(rates: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """How much longer a row takes than in the process of this machine, in percent of that."""
    reference = rates.get(_LOCAL)
    if reference is None:
        return []  # it has failed, and is named as absent
    goal = f"≤ {max(_OVERHEAD, noise(reference)):.1f}"
    return [
        finding(f"{name}: overhead", spread(overheads(reference, own)), "%", goal)
        for name, own in rates.items()
        if name != _LOCAL
    ]


def overheads(reference: Sequence[float], own: Sequence[float]) -> list[float]:
    """Additional time of a row in each round, in percent.

    Args:
        reference: Rows per second of the process of this machine, in each round.
        own: The same in another environment.
    """
    return [100 * (base / rate - 1) for base, rate in zip(reference, own, strict=True)]


def noise(rates: Sequence[float]) -> float:
    """Half of the range of equal runs, in percent of their median: no smaller difference can be seen."""
    values = spread(rates)
    return 50 * (values["high"] - values["low"]) / values["value"]


def _prices(
    environments: Sequence[Environment], rates: Mapping[str, Sequence[float]], workers: int
) -> list[dict[str, Any]]:
    """US dollars of a million rows, where somebody bills the machines and the price is known."""
    return [
        finding(
            f"{each.name}: a million rows",
            spread([_ROWS / rate / 3600 * price.hourly for rate in rates[each.name]]),
            "US$",
        )
        for each in environments
        if each.name in rates and (price := each.find_price(workers)) is not None
    ]


def _other_cases(
    title: str, ways: Mapping[str, Way], measured: Mapping[str, Sequence[Figures]]
) -> list[dict[str, Any]]:
    first = {name: [each.first_step_seconds for each in figures] for name, figures in measured.items()}
    control = {name: [each.control_cpu_seconds for each in figures] for name, figures in measured.items()}
    return [
        _case(f"{title}: until the first step", "s", ways, first),
        _case(f"{title}: all processes but the training workers", "CPU-seconds", ways, control),
    ]


def _case(title: str, unit: str, ways: Mapping[str, Way], values: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    bars = [{"name": name, **spread(own), "settings": ways[name].settings} for name, own in values.items()]
    findings = [finding(name, spread(own), unit) for name, own in values.items()]
    return {"title": title, "unit": unit, "bars": bars, "findings": findings, "absent": {}}


if __name__ == "__main__":
    main()
