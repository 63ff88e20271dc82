"""Measurements in fresh processes, with the loader that needs no other library."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import datasets
from benchmarks.input.contenders import chosen
from benchmarks.input.files import Files
from benchmarks.input.job import Job
from benchmarks.input.process import measure, with_second_attempt

PYTHON = Path(sys.executable)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    files = Files(datasets.strings(1000), tmp_path_factory.mktemp("files"))
    (contender,) = chosen(["in memory"])
    return files.job(contender, str(files.path(contender)), batch=64, cpus=1)


def test_epoch_counts_every_row_and_cpu_time(job: Job) -> None:
    answer = measure(PYTHON, job, "epoch", {"rows": 1000})
    assert answer["rows"] == 1000
    assert answer["seconds"] > 0
    assert answer["cpu_seconds"] > 0


def test_steady_rate_is_measured_for_the_given_time(job: Job) -> None:
    answer = measure(PYTHON, job, "steady", {"warm_seconds": 0.0, "seconds": 0.2})
    assert answer["seconds"] >= 0.2
    assert answer["cpu_seconds"] > 0
    assert answer["rows"] > 1000  # epoch after epoch


def test_failed_run_is_repeated_once() -> None:
    outcomes = iter([RuntimeError("Ray did not start"), 5, RuntimeError("first"), RuntimeError("second")])

    def run() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, RuntimeError):
            raise outcome
        return outcome

    assert with_second_attempt(run) == 5
    with pytest.raises(RuntimeError, match="second"):
        with_second_attempt(run)


def test_loader_with_other_shapes_is_refused(job: Job) -> None:
    wrong = replace(job, schema={**job.schema, "label": ("int64", (2,))})
    with pytest.raises(RuntimeError, match=r"column label: expected shape \(64, 2\), got \(64,\)"):
        measure(PYTHON, wrong, "epoch", {"rows": 1})
