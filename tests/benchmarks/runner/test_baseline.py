"""A ratio fell if its whole spread is worse than the baseline's."""

from pathlib import Path

import pytest

from benchmarks.questions import Form, Question
from benchmarks.runner.baseline import compare, read_baseline, require_baselines
from firelib.errors import FirelibError
from tests.benchmarks.harness.results import make_ratio


@pytest.mark.parametrize(
    ("before", "now", "better", "fell"),
    [
        ((4.0, 5.0), (3.0, 3.9), "higher", True),
        ((4.0, 5.0), (3.0, 4.1), "higher", False),
        ((4.0, 5.0), (6.0, 7.0), "higher", False),
        ((1.0, 1.2), (1.3, 1.4), "lower", True),
        ((1.0, 1.2), (1.1, 1.4), "lower", False),
        ((1.0, 1.2), (0.5, 0.6), "lower", False),
    ],
)
def test_fallen_ratios(before: tuple[float, float], now: tuple[float, float], better: str, fell: bool) -> None:
    (change,) = compare(make_ratio(*now, better=better), make_ratio(*before, better=better))
    assert change.fell is fell


def test_figures_that_depend_on_the_machine_are_not_compared() -> None:
    assert compare(make_ratio(1, 2, unit="s"), make_ratio(3, 4, unit="s")) == []
    assert compare(make_ratio(1, 2, better=""), make_ratio(3, 4, better="")) == []


def test_with_too_few_rounds_nothing_is_known_of_the_spread() -> None:
    assert compare(make_ratio(1, 2, rounds=2), make_ratio(3, 4)) == []
    assert compare(make_ratio(1, 2), make_ratio(3, 4, rounds=2)) == []


def test_a_missing_baseline_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    questions = [Question(name, "?", Form("", 1), Form("", 1)) for name in ("b", "training", "startup")]
    for name in ("b", "training_flights", "startup_cold"):
        make_ratio(1, 2).write(tmp_path / "short" / f"{name}.json")
    require_baselines(questions, tmp_path, full=False)
    with pytest.raises(FirelibError) as caught:
        require_baselines(questions, tmp_path, full=True)
    assert caught.value.what == "no baseline to compare with: b, training, startup"
    assert caught.value.where == str(tmp_path)
    assert (caught.value.remedy or "").endswith("firelib bench b training startup --full")
    assert read_baseline(tmp_path, "b", full=False) == make_ratio(1, 2)
    assert read_baseline(tmp_path, "b", full=True) is None


def test_another_machine_has_a_baseline_of_its_own(tmp_path: Path) -> None:
    question = Question("b", "?", Form("", 1))
    make_ratio(1, 2).write(tmp_path / "b@laptop.json")
    require_baselines([question], tmp_path, full=True, label="laptop")
    assert read_baseline(tmp_path, "b", full=True, label="laptop") == make_ratio(1, 2)
    with pytest.raises(FirelibError):
        require_baselines([question], tmp_path, full=True)
