"""Section `model` of params.yaml: the recipe's own parameters, checked against its defaults."""

from collections.abc import Iterator, Mapping
from typing import Any

from firelib.config.params import Params
from firelib.errors import FirelibError, did_you_mean


def model_params(defaults: Mapping[str, Any], params: Params) -> dict[str, Any]:
    """The parameters of `build_model`: the recipe's defaults, overridden by section `model`, and `lr`.

    Args:
        defaults: The recipe's `parameters`.
        params: The content of params.yaml.

    Raises:
        FirelibError: The recipe does not have a parameter, or its value has another type than the default.
    """
    problems = [what for _, what in find_problems(defaults, params.model)]
    if problems:
        raise FirelibError(
            "\n".join(problems),
            where="params.yaml: model",
            remedy=f"use the parameters of recipe {params.recipe}: {', '.join(sorted(defaults)) or 'it has none'}",
        )
    return {**defaults, **params.model, "lr": params.train.lr}


def find_problems(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Compare section `model` with the recipe's parameters.

    Args:
        defaults: The recipe's `parameters`.
        given: Content of the section.

    Yields:
        For each wrong parameter: its name, and what is wrong with it.
    """
    for name, value in given.items():
        if name not in defaults:
            yield name, f"model.{name} is unknown: {did_you_mean(name, defaults)}"
        elif not _has_type_of(value, defaults[name]):
            yield name, f"model.{name}: expected a value of type {type(defaults[name]).__name__}, got {value!r}"


def _has_type_of(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    if isinstance(default, list | tuple):
        return isinstance(value, list) and all(_has_type_of(item, default[0]) for item in value if default)
    return isinstance(value, type(default))
