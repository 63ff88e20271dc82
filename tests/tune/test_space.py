import re

import pytest

from firelib.config import Params, parse_params
from firelib.errors import FirelibError
from firelib.tune.space import applied, check_space, drawn
from tests.train.toy import Toy, toy_params


def with_space(space, **tune) -> Params:
    raw = toy_params().model_dump()
    return parse_params({**raw, "tune": {"space": space, **tune}}, "params.yaml")


SPACE = {
    "train.lr": {"loguniform": [0.001, 0.1]},
    "train.global_batch_size": {"randint": [16, 64]},
    "train.schedule.final": {"uniform": [0, 0.5]},
    "model.optimizer": {"choice": ["adam", "sgd"]},
}


def test_drawn_values_lie_in_their_space_and_make_parameters():
    params = with_space(SPACE)
    check_space(Toy(), params)
    for values in drawn(params):
        trial = applied(params, values)
        assert 0.001 <= trial.train.lr <= 0.1
        assert 16 <= trial.train.global_batch_size < 64
        assert trial.train.schedule.final == values["train.schedule.final"]
        assert trial.model == {"optimizer": values["model.optimizer"]}
        assert trial.train.workers == params.train.workers


def test_the_same_seed_draws_the_same_trials():
    assert drawn(with_space(SPACE)) == drawn(with_space(SPACE))
    assert drawn(with_space(SPACE)) != drawn(with_space(SPACE, seed=1))


def test_drawn_numbers_have_three_digits():
    assert all(values["train.lr"] == float(f"{values['train.lr']:.3g}") for values in drawn(with_space(SPACE)))


def test_no_two_trials_are_equal():
    few = with_space({"model.optimizer": {"choice": ["adam", "sgd"]}, "train.seed": {"randint": [0, 2]}}, trials=9)
    assert len(drawn(few)) == 4


def test_all_that_is_wrong_is_named_before_any_training():
    space = {
        "train.lrr": {"choice": [1]},
        "train.workers": {"choice": [1, 2]},
        "train.epochs": {"choice": [1, 2]},
        "train.lr": {"uniform": [-1, 1]},
        "model.optimiser": {"choice": ["adam"]},
        "model.words": {"choice": [True, "yes"]},
        "data.shard_mib": {"uniform": [1, 2]},
    }
    with pytest.raises(FirelibError) as caught:
        check_space(Toy(), with_space(space))
    problems = caught.value.what.splitlines()
    assert [re.match(r"[\w.]+", line).group() for line in problems] == list(space)
    hints = {"train.lrr": "'lr'", "train.lr": "-1.0", "model.optimiser": "'optimizer'", "model.words": "'yes'"}
    for name, hint in hints.items():
        assert hint in problems[list(space).index(name)]
    assert "docs/tuning.md" in caught.value.remedy


def test_an_empty_space_is_said():
    with pytest.raises(FirelibError) as caught:
        check_space(Toy(), toy_params())
    assert "tune.space" in caught.value.what
    assert "docs/tuning.md" in caught.value.remedy


@pytest.mark.parametrize(
    ("distribution", "named"),
    [
        ({}, "choice"),
        ({"choice": [1], "uniform": [0, 1]}, "{'choice': [1], 'uniform': [0, 1]}"),
        ({"uniform": [1, 0]}, "{'uniform': [1, 0]}"),
        ({"randint": [3, 3]}, "{'randint': [3, 3]}"),
        ({"loguniform": [0, 1]}, "{'loguniform': [0, 1]}"),
        ({"uniform": [1]}, "tune.space.train.lr.uniform"),
        ({"chioce": [1]}, "'choice'"),
    ],
)
def test_a_wrong_distribution_is_named(distribution, named):
    with pytest.raises(FirelibError) as caught:
        with_space({"train.lr": distribution})
    (problem,) = caught.value.what.splitlines()
    assert problem.startswith("tune.space.train.lr")
    assert named in problem
