"""Does `firelib plan --rows` predict what was not measured? Errors on configurations that are named beforehand.

    python -m benchmarks.planner [--rounds 3] [--short] [--only transform training reading]

`HELD_OUT` names the configurations. In each round, the planner's own functions are fitted to the other measurements of
that round and predict the configuration that is left out; the error is that of rows a second, or of seconds.

- transform: `firelib transform` of flights, repeated by `data.scale`, fitted to two smaller datasets.
- training: two workers with a core each, from one worker with a whole batch and with half of it. What an all-reduce
  takes comes from the other recipe's two workers.
- reading: a worker that only reads, from a store with 20 ms latency, from the same dataset on the disk and in the same
  store without latency.

Needs two cores, and for training the datasets of both recipes (see `benchmarks.training`).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.datasets import numbers
from benchmarks.harness.child import run_child
from benchmarks.harness.measure import Way, finding, interleaved, save, spread
from benchmarks.planning.reading import BATCH, WAYS
from benchmarks.training import ROOT
from benchmarks.training import Group as WorkerProcesses
from benchmarks.training_worker import build_job
from firelib import storage, write_tfrecords
from firelib.config import load_params
from firelib.console import note
from firelib.launch.client.capacity.calibration import Step, run_step
from firelib.launch.client.capacity.defaults import read_defaults
from firelib.launch.client.capacity.model.group import Group
from firelib.launch.client.capacity.model.network import AllReduce, Network
from firelib.launch.client.capacity.model.read_curve import ReadCurve
from firelib.launch.client.capacity.model.stage_curve import Point, fit_stage
from firelib.launch.client.capacity.model.training_curve import StepCurve, StepSample, fit_step
from firelib.project_layout import Paths, find_params
from firelib.tfrecord.format.manifest import read_manifest

#: What is predicted, and from what. `transform` is in copies of the 337 thousand rows of flights.
HELD_OUT = {
    "transform": "33 million rows from 1 and 10 million",
    "training": "two workers from one",
    "reading": "20 ms latency from none",
}
SCALES, SHORT_SCALES = (3, 30, 100), (1, 3, 10)  # the last one is held out

_GOAL = "≤ 15"
_RECIPES = ("flights", "fashion_mnist")
#: Batch size, bytes of the weights, and way → rows a second in each round.
_Steps = tuple[int, int, Mapping[str, Sequence[float]]]

_ONE, _HALF, _TWO = "1 worker", "1 worker, half batch", "2 workers"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="one round, transform of up to 3.4 million rows")
    parser.add_argument("--only", nargs="+", choices=sorted(HELD_OUT), default=sorted(HELD_OUT))
    options = parser.parse_args()
    rounds, scales = (1, SHORT_SCALES) if options.short else (options.rounds, SCALES)
    checks: dict[str, Callable[[], dict[str, Any]]] = {
        "transform": partial(_check_transform, scales, rounds),
        "training": partial(_check_training, rounds),
        "reading": partial(_check_reading, rounds),
    }
    cases = (checks[name]() for name in options.only)
    note(f"figures: {save('planner', 'Does firelib plan predict what was not measured?', cases)}")


def _check_transform(scales: Sequence[int], rounds: int) -> dict[str, Any]:
    """Fit all scales but the last one, and predict that."""
    measured, predicted = [], []
    params = load_params(ROOT / "params.yaml")
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder:
        project = Paths("flights", storage.absolute("storage", ROOT), ROOT)
        run_step(Step(("extract",)), params, project, Path(folder))
        for index in range(rounds):
            points = []
            for scale in scales if index % 2 == 0 else reversed(scales):
                run = run_step(
                    Step(("transform", "--fresh"), {"data": {"scale": scale}}), params, project, Path(folder)
                )
                note(f"  {run.rows:,} rows: {run.seconds:.1f} s")
                points.append(Point(run.rows, run.cores, run.seconds))
            *known, largest = sorted(points, key=lambda point: point.rows)
            measured.append(largest.seconds)
            predicted.append(fit_stage(known, usual_fixed=0.0).seconds(largest.rows, largest.cores))
    title = f"transform, {largest.rows:,.0f} rows from at most {known[-1].rows:,.0f}"
    return _case(title, "s", {"flights": (measured, predicted)})


def _check_training(rounds: int) -> dict[str, Any]:
    """Predict each recipe's two workers with the other's all-reduce."""
    if (os.cpu_count() or 1) < 2:
        sys.exit("the check of training needs two cores")
    return _predict_groups({recipe: _measure_steps(recipe, rounds) for recipe in _RECIPES}, rounds)


def _predict_groups(measured: Mapping[str, _Steps], rounds: int) -> dict[str, Any]:
    """Predict the two workers of each recipe from its one worker and the other's all-reduce."""
    found = {}
    for recipe, other in (_RECIPES, _RECIPES[::-1]):
        (batch, nbytes, rates), (other_batch, other_bytes, other_rates) = measured[recipe], measured[other]
        predictions = []
        for index in range(rounds):
            hop = _fit(other_batch, other_bytes, other_rates, index, with_group=True).all_reduce.hop
            curve = _fit(batch, nbytes, rates, index, hop)
            predictions.append(batch / curve.seconds(batch, 2))
        found[recipe] = (rates[_TWO], predictions)
    return _case("training, two workers from one", "rows/s", found)


def _measure_steps(recipe: str, rounds: int) -> _Steps:
    """Measure one worker with a whole batch and with half of it, and two workers."""
    params = ROOT / "params.yaml" if recipe == "flights" else find_params(recipe, ROOT)
    note(f"training {recipe}")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        job = build_job(params, folder)
        rows, batch = read_manifest(job.manifest).split("train").rows, job.params.train.global_batch_size
        groups = {
            name: WorkerProcesses(params, Path(folder, name), cores)
            for name, cores in (("one", ("0",)), ("two", ("0", "1")))
        }
        for group in groups.values():
            stack.callback(group.end)
        one, two = groups["one"], groups["two"]
        ways = {
            _ONE: Way(partial(one.train, "shards"), "", rows),
            _HALF: Way(partial(one.train, "half"), "", rows),
            _TWO: Way(partial(two.train, "shards"), "", rows),
        }
        rates = interleaved(ways, rounds, turn_seconds=0)
    nbytes = int(read_defaults()["training"][recipe]["weights_bytes"])
    return batch, nbytes, rates


def _fit(
    batch: int,
    nbytes: int,
    rates: Mapping[str, Sequence[float]],
    index: int,
    hop: float = 0.0,
    with_group: bool = False,
) -> StepCurve:
    """Fit a step to the figures of a round; `hop` is the all-reduce's, unless the group's own figures give it."""
    raw = read_defaults()
    usual = StepCurve(0.0, 0.0, float(raw["spread"]), nbytes, AllReduce(hop, float(raw["bytes_per_second"])))
    samples = [
        StepSample(1, batch, batch / rates[_ONE][index]),
        StepSample(1, batch / 2, batch / 2 / rates[_HALF][index]),
    ]
    if with_group:
        samples.append(StepSample(2, batch, batch / rates[_TWO][index]))
    return fit_step(samples, usual)


def _check_reading(rounds: int, rows: int = 400_000) -> dict[str, Any]:
    """Take the cost of a row from the disk and of a request from the near store, and predict the far store."""
    case = numbers(rows)
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder:
        target = Path(folder, "dataset")
        write_tfrecords(case.table(), str(target), case.features[:-1], label=case.features[-1])
        split = read_manifest(str(target)).split("train")
        seconds = run_child("benchmarks.planning.reading", str(target), str(rounds))
    shape = ReadCurve(split.block_rows, split.row_bytes, 0.0, 0.0)
    predicted = [_predict_far(shape, rows, *pair) for pair in zip(seconds["disk"], seconds["near"], strict=True)]
    known = [{"name": way, **spread(seconds[way])} for way in ("disk", "near")]
    made = _case(
        f"reading {rows:,} rows once, with 20 ms latency from none", "s", {"numbers": (seconds["far"], predicted)}
    )
    return {**made, "bars": [*known, *made["bars"]]}


def _predict_far(shape: ReadCurve, rows: int, disk: float, near: float) -> float:
    """Seconds of the far store: the request that explains the near store's seconds, found by bisection."""

    def predict(request: float, latency: float) -> float:
        group = Group(1, 1, BATCH, Network(latency, float("inf")))
        window = disk * shape.window_rows / rows
        return disk + replace(shape, request=request).waiting(1, rows, group, window)

    low, high = 0.0, near
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if predict(middle, 0.0) < near else (low, middle)
    return predict(low, (WAYS["far"] or 0) / 1000)


def _case(title: str, unit: str, found: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, Any]:
    """A case of the report: measured and predicted values, and the errors of the predictions."""
    bars, findings = [], []
    for name, (measured, predicted) in found.items():
        bars += [
            {"name": f"{name}, {what}", **spread(values)}
            for what, values in zip(("measured", "predicted"), (measured, predicted), strict=True)
        ]
        errors = [100 * abs(guess / true - 1) for guess, true in zip(predicted, measured, strict=True)]
        findings.append(finding(f"{name}: error of the prediction", spread(errors), "%", _GOAL))
    return {"title": title, "unit": unit, "bars": bars, "findings": findings, "absent": {}}


if __name__ == "__main__":
    main()
