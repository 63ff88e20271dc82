"""Section `tune` of params.yaml: which parameters a tuning changes, and the parameters of one trial."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from firelib.config import Distribution, Params, model_params, parse_params
from firelib.errors import FirelibError
from firelib.recipe import Recipe
from firelib.train.run_spec import RESULT_NEUTRAL_FIELDS

_DIGITS = 3  # of a drawn number: enough to tell trials apart, few enough to read
_DRAWS = 20  # a trial: after so many, there are no more that differ
_WHERE = "params.yaml: tune.space"


def drawn(params: Params) -> list[dict[str, Any]]:
    """Values of every trial, drawn at once: so they do not depend on how trials end, and no two are equal.

    Equal trials would be one run, which two groups of workers must not train at a time.
    """
    random, settings = np.random.default_rng(params.tune.seed), params.tune
    found: list[dict[str, Any]] = []
    for _ in range(_DRAWS * settings.trials):
        values = {name: _draw(distribution, random) for name, distribution in settings.space.items()}
        if values not in found:
            found.append(values)
        if len(found) == settings.trials:
            break
    return found


def _draw(distribution: Distribution, random: np.random.Generator) -> Any:
    if distribution.choice is not None:
        return distribution.choice[random.integers(len(distribution.choice))]
    low, high = distribution.ends
    if distribution.randint is not None:
        return int(random.integers(low, high, endpoint=True))
    if distribution.loguniform is not None:
        return _neat(float(np.exp(random.uniform(np.log(low), np.log(high)))))
    return _neat(random.uniform(low, high))


def _neat(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def applied(params: Params, values: Mapping[str, Any]) -> Params:
    """The parameters of a trial.

    Args:
        params: Those of params.yaml.
        values: Parameter, such as `train.lr` → its value.

    Raises:
        FirelibError: A parameter does not exist, or does not take the value.
    """
    raw = params.model_dump()
    for name, value in values.items():
        *sections, last = name.split(".")
        section = raw
        for part in sections:
            section = section.setdefault(part, {})
        section[last] = value
    return parse_params(raw, _WHERE)


def check_space(recipe: Recipe, params: Params) -> None:
    """Try the ends of every range and all choices, before anything is trained.

    Raises:
        FirelibError: What is wrong (all of it at once).
    """
    if not params.tune.space:
        raise FirelibError(
            "there is nothing to tune: tune.space is empty",
            where="params.yaml",
            remedy="name parameters and their values, e.g. train.lr: {loguniform: [0.0001, 0.01]} (docs/tuning.md)",
        )
    problems = [
        problem
        for name, distribution in params.tune.space.items()
        for problem in _problems(recipe, params, name, distribution)
    ]
    if problems:
        raise FirelibError("\n".join(dict.fromkeys(problems)), where=_WHERE, remedy="docs/tuning.md")


def _problems(recipe: Recipe, params: Params, name: str, distribution: Distribution) -> list[str]:
    section, _, field = name.partition(".")
    if section not in ("train", "model") or not field:
        return [f"{name}: parameters of sections train and model can be tuned"]
    if section == "train" and field.partition(".")[0] in RESULT_NEUTRAL_FIELDS:
        return [f"{name} does not change a result"]
    if name == "train.epochs":
        return [f"{name}: trials are compared epoch by epoch, they all have the same number"]
    problems = []
    for value in distribution.ends:
        try:
            model_params(recipe.parameters, applied(params, {name: value}))
        except FirelibError as error:
            problems.append(str(error).splitlines()[0])
    return problems
