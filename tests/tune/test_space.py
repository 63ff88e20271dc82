import re

import pytest

from firelib.config import Params, parse_params
from firelib.errors import FirelibError
from firelib.tune.space import apply_values, sample_trials, validate_space
from tests.errors import refused
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


def test_sampled_values_are_within_the_space_and_valid():
    params = with_space(SPACE)
    validate_space(Toy(), params)
    for values in sample_trials(params):
        trial = apply_values(params, values)
        assert 0.001 <= trial.train.lr <= 0.1
        assert 16 <= trial.train.global_batch_size < 64
        assert trial.train.schedule.final == values["train.schedule.final"]
        assert trial.model == {"optimizer": values["model.optimizer"]}
        assert trial.train.workers == params.train.workers


def test_same_seed_samples_the_same_trials():
    assert sample_trials(with_space(SPACE)) == sample_trials(with_space(SPACE))
    assert sample_trials(with_space(SPACE)) != sample_trials(with_space(SPACE, seed=1))


def test_sampled_numbers_have_three_digits():
    assert all(values["train.lr"] == float(f"{values['train.lr']:.3g}") for values in sample_trials(with_space(SPACE)))


def test_trials_are_distinct():
    few = with_space({"model.optimizer": {"choice": ["adam", "sgd"]}, "train.seed": {"randint": [0, 2]}}, trials=9)
    assert len(sample_trials(few)) == 4


def test_names_all_problems_at_once():
    space = {
        "train.lrr": {"choice": [1]},
        "train.workers": {"choice": [1, 2]},
        "train.epochs": {"choice": [1, 2]},
        "train.lr": {"uniform": [-1, 1]},
        "model.optimiser": {"choice": ["adam"]},
        "model.words": {"choice": [True, "yes"]},
        "data.shard_mib": {"uniform": [1, 2]},
    }
    with refused(where="tune.space", remedy="docs/tuning.md") as caught:
        validate_space(Toy(), with_space(space))
    problems = caught.value.what.splitlines()
    assert [re.match(r"[\w.]+", line).group() for line in problems] == list(space)
    hints = {"train.lrr": "'lr'", "train.lr": "-1.0", "model.optimiser": "'optimizer'", "model.words": "'yes'"}
    for name, hint in hints.items():
        assert hint in problems[list(space).index(name)]


def test_empty_space():
    with refused(what="tune.space", where="params.yaml", remedy="docs/tuning.md"):
        validate_space(Toy(), toy_params())


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        ({}, "choice"),
        ({"choice": [1], "uniform": [0, 1]}, "choice, uniform"),
        ({"uniform": [1, 0]}, "[1.0, 0.0]"),
        ({"randint": [3, 3]}, "[3, 3]"),
        ({"loguniform": [0, 1]}, "[0.0, 1.0]"),
        ({"uniform": [1]}, "tune.space.train.lr.uniform"),
        ({"chioce": [1]}, "'choice'"),
    ],
)
def test_invalid_distribution(distribution, expected):
    with pytest.raises(FirelibError) as caught:
        with_space({"train.lr": distribution})
    (problem,) = caught.value.what.splitlines()
    assert problem.startswith("tune.space.train.lr")
    assert expected in problem
