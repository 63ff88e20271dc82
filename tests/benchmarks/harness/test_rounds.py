"""Disturbed rounds are repeated, at most as often as rounds were asked for."""

from collections.abc import Iterator

import pytest

from benchmarks.harness import rounds
from benchmarks.harness.calibration import Calibration
from benchmarks.harness.conditions import Load
from benchmarks.harness.rounds import find_disturbances, repeat_rounds, take_recorded_rounds

QUIET = Load(steal=0, others=0)
USUAL = Calibration(0.1, 0.1)


@pytest.fixture
def disturb(monkeypatch: pytest.MonkeyPatch, undisturbed: None) -> list[bool]:
    """Whether each round is disturbed, in order; later ones are not."""
    script: list[bool] = []
    left: Iterator[bool] = (script.pop(0) if script else False for _ in iter(int, 1))
    monkeypatch.setattr(rounds, "find_disturbances", lambda *_: ["noise"] if next(left) else [])
    return script


def test_disturbed_rounds_do_not_count(disturb: list[bool]) -> None:
    disturb += [False, True, True]
    assert repeat_rounds(lambda call: call, rounds=2) == {1: 1, 4: 4}
    assert [each.counts for each in take_recorded_rounds()] == [True, False, False, True]


def test_a_machine_that_never_rests_is_measured_all_the_same(disturb: list[bool]) -> None:
    disturb += [True] * 10
    assert len(repeat_rounds(lambda call: call, rounds=3)) == 3
    recorded = take_recorded_rounds()
    assert len(recorded) == 6
    assert all(each.disturbed == ["noise"] for each in recorded)


def test_warm_ups_are_no_rounds(disturb: list[bool]) -> None:
    calls: list[int] = []
    repeat_rounds(calls.append, rounds=1, warmups=2)
    assert calls == [0, 1, 2]
    assert len(take_recorded_rounds()) == 1
    assert take_recorded_rounds() == [], "they belong to one result"


@pytest.mark.parametrize(
    ("worst", "load", "expected"),
    [
        (USUAL, QUIET, []),
        (Calibration(0.114, 0.129), QUIET, []),
        (Calibration(0.12, 0.1), QUIET, ["the fixed computation took 1.20 × as long as usual"]),
        (Calibration(0.1, 0.14), QUIET, ["the fixed copy took 1.40 × as long as usual"]),
        (USUAL, Load(steal=0.1, others=0), ["the host took 10 % of the cores"]),
    ],
    ids=["quiet", "within", "compute", "memory", "steal"],
)
def test_what_disturbs_a_round(worst: Calibration, load: Load, expected: list[str]) -> None:
    assert find_disturbances(worst, USUAL, load) == expected
