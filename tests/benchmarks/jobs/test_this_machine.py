"""The process of this machine, with which all other environments are compared, trains twice from its first step."""

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.jobs.lab import Lab
from benchmarks.jobs.this_machine import local

pytestmark = pytest.mark.integration


def test_each_run_trains_all_steps_and_reports_its_own_metrics(tmp_path: Path) -> None:
    with ExitStack() as stack:
        train = stack.enter_context(local().set_up(Lab(stack, tmp_path, workers=1, epochs=1)))
        model = tmp_path / "local" / "models" / "flights"
        runs = [(train(), json.loads((model / "timing.json").read_text())) for _ in range(2)]
    for figures, timing in runs:
        assert figures.rows_per_second == timing["rows_per_second"] > 0
        assert figures.first_step_seconds > timing["start_up_seconds"]  # the command starts before the workers do
        assert figures.control_cpu_seconds > 0
    assert runs[0][1]["steps"] == runs[1][1]["steps"] > 100
