"""Each way of the training benchmark trains an epoch, in a worker process as the benchmark starts it."""

import pytest

from benchmarks.elastic.project import write_project
from benchmarks.training import Group
from benchmarks.training_ways import INTERVALS

STEPS = 6


@pytest.mark.integration
def test_every_way_trains_an_epoch(tmp_path):
    project = write_project(tmp_path / "project", STEPS, {"every_seconds": None})
    group = Group(project.folder / "params.yaml", tmp_path / "group", ["0"])
    ways = ["shards", "memory", "half", "saving", "fit", "fit, memory", *(f"every {steps}" for steps in INTERVALS)]
    try:
        seconds = {way: group.train(way) for way in ways}
    finally:
        group.end()
    assert min(seconds.values()) > 0
    assert all(0 <= share < 1 for shares in group.waited.values() for share in shares)
    runs = list((tmp_path / "group").rglob("step-*"))
    assert {int(run.name.removeprefix("step-")) for run in runs} >= {5}, "a checkpoint inside the epoch"
