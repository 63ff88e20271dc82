"""A ratio fell if its whole spread is worse than the baseline's, by more than the margin."""

from pathlib import Path

import pytest

from benchmarks.questions import Form, Question
from benchmarks.runner.baseline import choose_comparable, compare, find_missing_ratios, read_baseline
from firelib.errors import FirelibError
from tests.benchmarks.harness.results import make_ratio, make_result


@pytest.mark.parametrize(
    ("before", "now", "better", "fell"),
    [
        ((4.0, 5.0), (3.0, 3.5), "higher", True),
        ((4.0, 5.0), (3.0, 3.7), "higher", False),
        ((4.0, 5.0), (3.0, 4.1), "higher", False),
        ((4.0, 5.0), (6.0, 7.0), "higher", False),
        ((1.0, 1.2), (1.4, 1.5), "lower", True),
        ((1.0, 1.2), (1.3, 1.4), "lower", False),
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


def test_ratios_that_only_the_baseline_has_are_named() -> None:
    assert find_missing_ratios(make_ratio(1, 2), make_ratio(1, 2)) == []
    assert find_missing_ratios(make_result(cases=[]), make_ratio(1, 2)) == ["b: rows: a ÷ b"]
    assert find_missing_ratios(make_ratio(1, 2, rounds=1), make_ratio(1, 2)) == ["b: rows: a ÷ b"]


def questions(*names: str) -> list[Question]:
    leaves = {"training": ("training_flights", "training_fashion_mnist")}
    return [Question(name, "?", Form("", 1), Form("", 1), leaves=leaves.get(name, ())) for name in names]


def test_a_missing_baseline_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    for name in ("b", "training_flights", "startup_cold"):
        make_ratio(1, 2).write(tmp_path / "short" / f"{name}.json")
    present = questions("b", "training")
    assert choose_comparable(present, tmp_path, full=False) == present
    with pytest.raises(FirelibError) as caught:
        choose_comparable(questions("b", "training", "startup"), tmp_path, full=False)
    assert caught.value.what == "no baseline to compare with: startup"
    with pytest.raises(FirelibError) as caught:
        choose_comparable(questions("b", "training"), tmp_path, full=True, label="laptop")
    assert caught.value.what == "no baseline to compare with: b, training"
    assert caught.value.where == str(tmp_path)
    assert (caught.value.remedy or "").endswith("firelib bench b training --full --label laptop")
    assert read_baseline(tmp_path, "b", full=False) == make_ratio(1, 2)
    assert read_baseline(tmp_path, "b", full=True) is None


def test_questions_without_ratios_of_enough_rounds_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_ratio(1, 2).write(tmp_path / "b.json")
    make_ratio(1, 2, rounds=1).write(tmp_path / "startup.json")
    both = questions("b", "startup")
    assert choose_comparable(both, tmp_path, full=True) == both[:1]
    assert "no ratio of 3 rounds: startup" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(FirelibError, match="no baseline has a ratio of 3 rounds: startup"):
        choose_comparable(both[1:], tmp_path, full=True)


def test_a_baseline_that_cannot_be_read_is_named_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("<<<<<<< HEAD")
    with pytest.raises(FirelibError) as caught:
        choose_comparable(questions("b"), tmp_path, full=True)
    assert caught.value.where == str(tmp_path / "b.json")


def test_stages_of_earlier_versions_are_no_baseline(tmp_path: Path) -> None:
    (tmp_path / "stages.json").write_text('{"train": {"wall_s": 1}}')
    with pytest.raises(FirelibError, match="no baseline to compare with: stages"):
        choose_comparable(questions("stages"), tmp_path, full=True)


def test_another_machine_has_a_baseline_of_its_own(tmp_path: Path) -> None:
    make_ratio(1, 2).write(tmp_path / "b@laptop.json")
    assert choose_comparable(questions("b"), tmp_path, full=True, label="laptop") == questions("b")
    assert read_baseline(tmp_path, "b", full=True, label="laptop") == make_ratio(1, 2)
    with pytest.raises(FirelibError):
        choose_comparable(questions("b"), tmp_path, full=True)
