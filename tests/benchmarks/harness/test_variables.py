"""Benchmarks do not get the settings of the user's own project."""

import os
import subprocess
import sys

import pytest

from benchmarks.harness import variables
from benchmarks.harness.variables import benchmark_variables, is_run_by_hand, set_user_settings_aside, user_settings
from tests.project import ROOT

USER = {"FIRELIB_STORAGE_ROOT": "gs://mine", "RAY_ADDRESS": "ray://mine:10001", "WANDB_API_KEY": "secret"}


def test_settings_are_set_aside_but_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables, "_set_aside", {})
    monkeypatch.setattr(os, "environ", {**USER, "PATH": "/bin"})
    assert benchmark_variables() == {"PATH": "/bin"}
    set_user_settings_aside(os.environ)
    assert os.environ == {"PATH": "/bin"}
    assert user_settings() == USER


@pytest.mark.parametrize(
    ("argv", "by_hand"),
    [
        (["python", "-m", "benchmarks.stages", "--rounds", "3"], True),
        (["python", "-m", "benchmarks.training_worker", "params.yaml"], False),
        (["python", "-m", "pytest", "-m", "benchmarks.stages"], False),
        (["firelib", "bench", "stages"], False),
    ],
)
def test_questions_are_told_from_what_they_start(argv: list[str], by_hand: bool) -> None:
    assert is_run_by_hand(argv, ["stages", "training"]) is by_hand


def test_a_question_that_runs_by_hand_gets_none() -> None:
    program = "import os, sys; sys.orig_argv = ['python', '-m', 'benchmarks.stages']; import benchmarks; "
    show = "print(sorted(name for name in os.environ if name in ('FIRELIB_STORAGE_ROOT', 'RAY_ADDRESS')))"
    done = subprocess.run(
        [sys.executable, "-c", program + show], cwd=ROOT, env={**os.environ, **USER}, capture_output=True, check=True
    )
    assert done.stdout.split() == [b"[]"]
