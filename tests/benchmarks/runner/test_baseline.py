"""A ratio fell if its whole spread is worse than the baseline's."""

from pathlib import Path

import pytest

from benchmarks.runner.baseline import compare, read_baseline
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


def test_a_missing_baseline_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(FirelibError) as caught:
        read_baseline(tmp_path, "b", full=False)
    assert caught.value.where == str(tmp_path / "short" / "b.json")
    assert "firelib bench b" in (caught.value.remedy or "")
    make_ratio(1, 2).write(tmp_path / "short" / "b.json")
    assert read_baseline(tmp_path, "b", full=False) == make_ratio(1, 2)
