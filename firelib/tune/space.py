"""The search space in section `tune` of params.yaml: validation, sampling, and the parameters of a trial."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from firelib.config import Distribution, Params, model_params, parse_params
from firelib.errors import FirelibError
from firelib.recipe import Recipe
from firelib.train.run_spec import RESULT_NEUTRAL_FIELDS

_DIGITS = 3  # of a sampled number: distinguishes trials and stays readable
_SAMPLES_PER_TRIAL = 20  # after so many samples, the space has no other values
_WHERE = "params.yaml: tune.space"


def sample_trials(params: Params) -> list[dict[str, Any]]:
    """Sample the values of all trials from `tune.seed`.

    All values are sampled before the first trial starts, so that they do not depend on results. They are distinct:
    equal trials are the same run, and only one worker group may train a run at a time.

    Returns:
        Parameter → value, for `tune.trials` trials; fewer if the space is smaller.
    """
    random, settings = np.random.default_rng(params.tune.seed), params.tune
    trials: list[dict[str, Any]] = []
    for _ in range(_SAMPLES_PER_TRIAL * settings.trials):
        values = {name: _sample(distribution, random) for name, distribution in settings.space.items()}
        if values not in trials:
            trials.append(values)
        if len(trials) == settings.trials:
            break
    return trials


def _sample(distribution: Distribution, random: np.random.Generator) -> Any:
    if distribution.choice is not None:
        return distribution.choice[random.integers(len(distribution.choice))]
    low, high = distribution.ends
    if distribution.randint is not None:
        return int(random.integers(low, high, endpoint=True))
    if distribution.loguniform is not None:
        return _round(float(np.exp(random.uniform(np.log(low), np.log(high)))))
    return _round(random.uniform(low, high))


def _round(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def apply_values(params: Params, values: Mapping[str, Any]) -> Params:
    """Build the parameters of a trial.

    Args:
        params: The parameters in params.yaml.
        values: Parameter, such as `train.lr` → value.

    Returns:
        A copy of the parameters with these values.

    Raises:
        FirelibError: A parameter does not exist, or a value is invalid.
    """
    raw = params.model_dump()
    for name, value in values.items():
        *sections, last = name.split(".")
        section = raw
        for part in sections:
            section = section.setdefault(part, {})
        section[last] = value
    return parse_params(raw, _WHERE)


def validate_space(recipe: Recipe, params: Params) -> None:
    """Validate the ends of every range and all choices before the first trial.

    Args:
        recipe: Defines the parameters of the model.
        params: The parameters in params.yaml.

    Raises:
        FirelibError: The space is empty, or some of its values are invalid; all problems are named at once.
    """
    if not params.tune.space:
        raise FirelibError(
            "tune.space is empty: there is nothing to tune",
            where="params.yaml",
            remedy="add parameters with their values, e.g. train.lr: {loguniform: [0.0001, 0.01]} (see docs/tuning.md)",
        )
    problems = [
        problem
        for name, distribution in params.tune.space.items()
        for problem in _find_problems(recipe, params, name, distribution)
    ]
    if problems:
        raise FirelibError("\n".join(dict.fromkeys(problems)), where=_WHERE, remedy="correct them: see docs/tuning.md")


def _find_problems(recipe: Recipe, params: Params, name: str, distribution: Distribution) -> list[str]:
    section, _, field = name.partition(".")
    if section not in ("train", "model") or not field:
        return [f"{name}: expected a parameter of section train or model"]
    if section == "train" and field.partition(".")[0] in RESULT_NEUTRAL_FIELDS:
        return [f"{name}: this parameter does not influence the trained model"]
    if name == "train.epochs":
        return [f"{name}: all trials need the same number of epochs, since they are compared after each epoch"]
    problems = []
    for value in distribution.ends:
        try:
            model_params(recipe.parameters, apply_values(params, {name: value}))
        except FirelibError as error:
            problems.append(error.headline)
    return problems
