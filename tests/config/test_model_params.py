from typing import Any

from firelib.config import Params, model_params, parse_params
from tests.config.raw_params import raw_params
from tests.errors import refused


def parse(model: dict[str, Any]) -> Params:
    return parse_params(raw_params(model=model), "params.yaml")


def test_model_parameters_are_defaults_overridden_with_lr() -> None:
    defaults = {"hidden": [8], "dropout": 0.0, "bias": True}
    assert model_params(defaults, parse({"hidden": [16, 4], "dropout": 1})) == {
        "hidden": [16, 4],
        "dropout": 1,
        "bias": True,
        "lr": 0.001,
    }


def test_invalid_model_parameters_are_all_named() -> None:
    defaults = {"hidden": [8], "dropout": 0.0, "bias": True, "name": "x", "depth": 2}
    invalid = {"hiden": [1], "hidden": [1.5], "dropout": "much", "bias": 1, "depth": 2.5, "name": 3}
    kinds = {name: type(value).__name__ for name, value in defaults.items()}
    types = [(f"model.{name}", kind, repr(invalid[name])) for name, kind in kinds.items()]
    with refused(what=[("model.hiden", "hidden"), *types], where=["params.yaml", "model"], remedy=list(defaults)):
        model_params(defaults, parse(invalid))
