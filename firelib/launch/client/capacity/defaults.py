"""The figures of firelib's own benchmarks, which count until a project has measured its own."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from firelib.launch.client.capacity.model.network import AllReduce
from firelib.launch.client.capacity.model.read_curve import ReadCurve
from firelib.launch.client.capacity.model.stage_curve import Point, StageCurve, fit_stage
from firelib.launch.client.capacity.model.training_curve import StepCurve, StepSample, fit_step

_FILE = Path(__file__).with_suffix(".yaml")
_USUAL_RECIPE = "flights"


@cache
def read_defaults() -> Mapping[str, Any]:
    """Return the figures as their file states them."""
    raw: Mapping[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return raw


def default_stage(stage: str) -> StageCurve:
    """Return the curve of extract or transform.

    Args:
        stage: `extract` or `transform`.
    """
    raw = read_defaults()
    points = [Point(*map(float, row)) for row in raw[stage]]
    return fit_stage(points, float(raw[f"{stage}_fixed"]))


@cache
def default_steps(recipe: str) -> StepCurve:
    """Return the curve of a training step.

    Args:
        recipe: A recipe of firelib; the model of `flights` stands in for those of others.
    """
    raw = read_defaults()
    measured = raw["training"].get(recipe, raw["training"][_USUAL_RECIPE])
    return _fit(measured, float(raw["spread"]), AllReduce(_usual_hop(recipe), float(raw["bytes_per_second"])))


def default_reading() -> ReadCurve:
    """Return how fast workers read rows."""
    raw = read_defaults()["reading"]
    return ReadCurve(int(raw["block_rows"]), float(raw["row_bytes"]), float(raw["request"]), float(raw["row"]))


def _usual_hop(recipe: str) -> float:
    """Seconds of a message in the trainings of all other recipes."""
    raw = read_defaults()
    free = AllReduce(0.0, float(raw["bytes_per_second"]))
    hops = [
        _fit(measured, float(raw["spread"]), free).all_reduce.hop
        for name, measured in raw["training"].items()
        if name != recipe
    ]
    return median(hops)


def _fit(measured: Mapping[str, float], spread: float, all_reduce: AllReduce) -> StepCurve:
    batch = measured["batch_rows"]
    usual = StepCurve(0.0, 0.0, spread, measured["weights_bytes"], all_reduce)
    samples = [
        StepSample(1, batch, batch / measured["one"]),
        StepSample(1, batch / 2, batch / 2 / measured["half"]),
        StepSample(2, batch, batch / measured["two"]),
    ]
    return fit_step(samples, usual)
