"""What do failures cost? Checkpoints, and the time until training is where it was, against Ray Train's elastic policy.

    python -m benchmarks.recovery [--rounds 3] [--epoch-steps 400] [--short]

The first case trains on one core with checkpoints at several intervals: what they cost, and what a failure loses.

The others train with two workers on a Ray cluster of processes on this machine, a core each, and suffer in turn: a
worker is killed; the driver is killed, and its command is run again at once; all nodes and the driver are killed, and
started again; a node is lost for good; it comes back. Everything is killed by SIGKILL in the middle of an epoch. A
recovery is over when a step is taken that had not been taken before. Both train the same model on the same batches:
`firelib train` with a checkpoint every five seconds, and Ray Train with one per epoch, as its documentation shows.
`--short` takes one round without the kills of driver and nodes. Needs two cores.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.elastic.jobs import FirelibJob, Job, RayTrainJob
from benchmarks.elastic.nodes import Nodes
from benchmarks.elastic.project import BATCH, WORKERS, Project, write_project
from benchmarks.elastic.step_log import Recovery
from benchmarks.harness.measure import Way, finding, interleaved, save, spread
from benchmarks.training import Group
from benchmarks.training_ways import INTERVALS
from firelib.console import note

WAYS: Mapping[str, Callable[[Project], Job]] = {"firelib": FirelibJob, "Ray Train": RayTrainJob}
CHECKPOINT = {"every_seconds": 5}
_NO_CHECKPOINT = {"every_seconds": None}
_WARM_STEPS = 40

#: An event happens to the nodes and the job; the job is started again if its driver is gone.
Event = Callable[[Nodes, Job], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epoch-steps", type=int, default=400)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if (os.cpu_count() or 1) < 2:
        sys.exit("this benchmark needs two cores")
    rounds = 1 if options.short else options.rounds
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder:
        cases = [_measure_intervals(Path(folder), options.epoch_steps, rounds)]
        cases += _measure_events(Path(folder), options.epoch_steps, rounds, SHORT if options.short else EVENTS)
    page_cache = "warm for the intervals of checkpoints, not controlled for failures"
    note(f"figures: {save('recovery', 'What do failures of training cost?', cases, page_cache)}")


def kill_a_worker(nodes: Nodes, job: Job) -> None:  # noqa: ARG001  an event
    nodes.kill_worker(0)


def kill_the_driver(nodes: Nodes, job: Job) -> None:
    job.kill_driver()
    job.start(nodes.environment)


def kill_everything(nodes: Nodes, job: Job) -> None:
    nodes.kill()
    job.kill_driver()
    nodes.start()
    job.start(nodes.environment)


def lose_a_node(nodes: Nodes, job: Job) -> None:  # noqa: ARG001  an event
    nodes.lose(1)


def add_a_node(nodes: Nodes, job: Job) -> None:  # noqa: ARG001  an event
    nodes.add(1)


#: Title → the event, and the number of workers after it.
SHORT: Mapping[str, tuple[Event, int]] = {
    "a worker is killed": (kill_a_worker, 2),
    "a node is lost: two workers, then one": (lose_a_node, 1),
    "a node comes back: one worker, then two": (add_a_node, 2),
}
EVENTS: Mapping[str, tuple[Event, int]] = {
    "the driver is killed": (kill_the_driver, 2),
    "all nodes and the driver are killed": (kill_everything, 2),
    **SHORT,
}


def _measure_intervals(folder: Path, epoch_steps: int, rounds: int) -> dict[str, Any]:
    """Rows per second of the loop on one core, by the number of steps between two checkpoints."""
    project = write_project(folder / "intervals", epoch_steps, _NO_CHECKPOINT)
    group = Group(project.folder / "params.yaml", folder / "group", ["0"])
    rows = epoch_steps * BATCH
    try:
        ways = {"no checkpoint": Way(partial(group.train, "shards"), "an epoch", rows)}
        for steps in INTERVALS:
            settings = f"a checkpoint every {steps} steps, written and verified in a thread"
            ways[f"every {steps} steps"] = Way(partial(group.train, f"every {steps}"), settings, rows)
        rates = interleaved(ways, rounds, turn_seconds=0)
    finally:
        group.end()
    bars = [{"name": name, **spread(rates[name]), "settings": way.settings} for name, way in ways.items()]
    findings = [one for steps in INTERVALS for one in _describe_interval(steps, rates)]
    return {"title": "checkpoint interval", "unit": "rows/s", "bars": bars, "findings": findings, "absent": {}}


def _describe_interval(steps: int, rates: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """The cost of an interval, and the mean work that a failure loses: half of it."""
    own, plain = rates[f"every {steps} steps"], rates["no checkpoint"]
    overheads = [100 * (without / with_ - 1) for with_, without in zip(own, plain, strict=True)]
    seconds = spread([steps * BATCH / rate / 2 for rate in own])
    return [
        finding(f"every {steps} steps: overhead", spread(overheads), "% of the time"),
        finding(f"every {steps} steps: mean work lost by a failure", seconds, "s"),
    ]


def _measure_events(
    folder: Path, epoch_steps: int, rounds: int, events: Mapping[str, tuple[Event, int]]
) -> list[dict[str, Any]]:
    found: dict[str, dict[str, list[Recovery]]] = defaultdict(lambda: defaultdict(list))
    absent: dict[str, str] = {}
    for index in range(rounds):
        for name in list(WAYS)[:: 1 if index % 2 else -1]:
            project = write_project(folder / f"{name} {index}", epoch_steps, CHECKPOINT)
            try:
                _suffer(WAYS[name](project), events, lambda event, one, name=name: found[event][name].append(one))
            except RuntimeError as error:
                absent[name] = f"in round {index + 1}: {error}"
                note(f"{name} failed {absent[name]}")
    return [_describe_event(title, found[title], absent) for title in events]


def _suffer(job: Job, events: Mapping[str, tuple[Event, int]], record: Callable[[str, Recovery], None]) -> None:
    """Let a job suffer all events, one after the other."""
    with Nodes(WORKERS, job.project.folder / "nodes.log") as nodes, job:
        job.start(nodes.environment)
        workers = WORKERS
        for title, (event, workers_after) in events.items():
            job.wait_for_steps(_WARM_STEPS, workers)
            job.wait_for_middle_of_epoch()
            at = time.time()
            event(nodes, job)
            recovery = job.wait_for_recovery(at)
            if recovery.workers != workers_after:
                raise RuntimeError(f"{title}: expected {workers_after} workers afterwards, got {recovery.workers}")
            note(f"{title}: a new step after {recovery.passed:.1f} s, {recovery.lost} steps lost")
            record(title, recovery)
            workers = workers_after


def _describe_event(title: str, found: Mapping[str, list[Recovery]], absent: Mapping[str, str]) -> dict[str, Any]:
    bars = [
        {"name": name, **spread([one.passed for one in each]), "settings": "seconds until a new step"}
        for name, each in found.items()
    ]
    findings = []
    for name, each in found.items():
        findings += [
            finding(f"{name}: until a new step", spread([one.passed for one in each]), "s"),
            finding(f"{name}: until the first step", spread([one.first_step for one in each]), "s"),
            finding(f"{name}: steps taken again", spread([one.lost for one in each]), "steps"),
        ]
    if len(found) == len(WAYS):
        ours, peer = (sorted(one.passed for one in found[name]) for name in WAYS)
        ratios = spread([mine / theirs for mine, theirs in zip(ours, peer, strict=False)])
        findings.append(finding(" ÷ ".join(WAYS), ratios, "×", "≤ 1"))
    return {"title": title, "unit": "s", "bars": bars, "findings": findings, "absent": dict(absent)}


if __name__ == "__main__":
    main()
