"""How much of what spot nodes could train is trained? A replayed trace of preemptions, against Ray's elastic policy.

    python -m benchmarks.spot_trace [--hours 8] [--scale 20] [--seed 2] [--epoch-steps 400] [--short]

Two nodes on this machine, a core each, are killed without a warning and come back, at the times of a generated trace
(`benchmarks.elastic.trace` states its law), which is replayed faster by a scale. `firelib train` saves a checkpoint
every five seconds; Ray Train one per epoch, as its documentation shows. Both look for more nodes every five seconds.

Goodput is the step of the newest checkpoint at the end, divided by the steps possible: those that the nodes which are
up could take at every moment without any pause, by the fastest median step of either way. The first step ends the
start-up, and begins the trace. `--short` replays four hours at 60 times their speed. Needs two cores.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.elastic.jobs import Job
from benchmarks.elastic.nodes import Nodes
from benchmarks.elastic.project import WORKERS, write_project
from benchmarks.elastic.step_log import Record, count_repeated, step_seconds
from benchmarks.elastic.trace import Change, Law, possible_steps, sample_trace
from benchmarks.harness.measure import finding, save, spread
from benchmarks.recovery import CHECKPOINT, WAYS
from firelib.console import note

_LIFETIME, _OUTAGE = 2.0, 0.5  # hours


@dataclass(frozen=True)
class Replay:
    """What a way did during the trace.

    Attributes:
        records: Steps that its workers took.
        begin: Step of the newest checkpoint when the trace began.
        committed: Step of the newest checkpoint when it ended.
    """

    records: Sequence[Record]
    begin: int
    committed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--scale", type=float, default=20)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--epoch-steps", type=int, default=400)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    if (os.cpu_count() or 1) < WORKERS:
        sys.exit("this benchmark needs two cores")
    law, scale = Law(options.hours, _LIFETIME, _OUTAGE, options.seed), options.scale
    if options.short:
        law, scale = replace(law, hours=4), 60
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder:
        case = _measure(Path(folder), law, scale, options.epoch_steps)
    for one in case["findings"]:
        note(f"{one['what']}: {one['value']:.3g} {one['unit']} {one['goal']}")
    question = "How much of what spot nodes could train is trained?"
    note(f"figures: {save('spot_trace', question, [case], 'not controlled')}")


def _measure(folder: Path, law: Law, scale: float, epoch_steps: int) -> dict[str, Any]:
    changes, seconds = sample_trace(law, WORKERS, scale), law.hours * 3600 / scale
    note(f"{len(changes)} changes within {seconds:.0f} s: {law}")
    replays: dict[str, Replay] = {}
    absent: dict[str, str] = {}
    for name, build in WAYS.items():
        try:
            replays[name] = _replay(build(write_project(folder / name, epoch_steps, CHECKPOINT)), changes, seconds)
        except RuntimeError as error:
            absent[name] = str(error)
            note(f"{name} failed: {error}")
    if not replays:
        raise RuntimeError("no way replayed the trace to its end")
    return _describe(replays, absent, changes, seconds, f"{law}, {scale:g} × as fast")


def _replay(job: Job, changes: Sequence[Change], seconds: float) -> Replay:
    with Nodes(WORKERS, job.project.folder / "nodes.log") as nodes, job:
        job.start(nodes.environment)
        job.wait_for_steps(1, WORKERS)
        begin, first = time.monotonic(), job.newest_step
        for change in changes:
            _sleep_until(begin + change.time)
            note(f"{change.time:.0f} s: node {change.node} {'comes back' if change.is_up else 'is lost'}")
            (nodes.add if change.is_up else nodes.lose)(change.node)
        _sleep_until(begin + seconds)
        committed = job.committed_step()
        job.require_running()
        return Replay(job.records, first, committed)


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _fastest(replays: Iterable[Replay]) -> dict[int, float]:
    """Seconds of a step by number of workers; a number that never trained is as fast as its share of the nodes."""
    paces = [step_seconds(replay.records) for replay in replays]
    whole = min(pace[WORKERS] for pace in paces)
    return {
        count: min((pace[count] for pace in paces if count in pace), default=whole * WORKERS / count)
        for count in range(1, WORKERS + 1)
    }


def _describe(
    replays: Mapping[str, Replay], absent: Mapping[str, str], changes: list[Change], seconds: float, title: str
) -> dict[str, Any]:
    possible = possible_steps(changes, WORKERS, seconds, _fastest(replays.values()))
    shares = {name: (each.committed - each.begin) / possible for name, each in replays.items()}
    findings = [finding(f"{name}: goodput", spread([share]), "") for name, share in shares.items()]
    for name, replay in replays.items():
        again = spread([count_repeated(replay.records)])
        findings.append(finding(f"{name}: steps taken again", again, "steps"))
    if len(shares) == len(WAYS):
        ours, peer = (shares[name] for name in WAYS)
        if peer > 0:
            findings.append(finding(" ÷ ".join(WAYS), spread([ours / peer]), "×", "≥ 1"))
    bars = [
        {"name": name, **spread([share]), "settings": f"{replays[name].committed:,} of {possible:,.0f} steps"}
        for name, share in shares.items()
    ]
    return {"title": title, "unit": "share of the possible steps", "bars": bars, "findings": findings, "absent": absent}


if __name__ == "__main__":
    main()
