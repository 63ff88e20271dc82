"""Which environments are measured, and what their rates mean; no test starts a training."""

import pytest

from benchmarks.environments import choose, find_obstacles, list_environments, noise, overheads
from benchmarks.jobs.environment import Environment

NAMES = ["local", "docker", "docker × 2", "docker compose"]


def names(*only: str, short: bool = False) -> list[str]:
    return [each.name for each in choose(list_environments(2), only, short)]


def test_each_environment_has_a_name_of_its_own() -> None:
    everything = names()
    assert everything[:4] == NAMES
    assert len(set(everything)) == len(everything)


def test_the_process_is_always_measured_since_the_others_are_compared_with_it() -> None:
    assert names("docker compose") == ["local", "docker compose"]
    assert names("docker compose", short=True) == ["local", "docker compose"]
    assert names(short=True) == NAMES[:3]


def test_an_unknown_environment_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="unknown environment 'podman': expected some of local, docker, "):
        names("local", "podman")


def test_overhead_is_the_additional_time_of_a_row() -> None:
    assert overheads([100.0, 50.0], [80.0, 50.0]) == pytest.approx([25, 0])


def test_no_difference_smaller_than_that_of_equal_runs_can_be_seen() -> None:
    assert noise([95.0, 100.0, 105.0]) == pytest.approx(5)
    assert noise([7.0]) == 0


def test_what_may_cost_money_is_measured_only_on_request() -> None:
    def set_up(lab: object) -> None:
        raise AssertionError("only looked at")

    missing = Environment("missing", "", set_up, lambda: "not logged in", is_elsewhere=True)
    chosen = [Environment("here", "", set_up), Environment("there", "", set_up, is_elsewhere=True), missing]
    assert find_obstacles(chosen, real=True) == {"missing": "not logged in"}
    assert find_obstacles(chosen, real=False) == {
        "missing": "not logged in",
        "there": "a run may cost money: add --real",
    }
