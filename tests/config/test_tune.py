from typing import Any

import pytest

from firelib.config import parse_params
from tests.config.raw_params import raw_params
from tests.errors import refused


@pytest.mark.parametrize(
    ("distribution", "named"),
    [
        ({}, ("choice", "randint", "none")),
        ({"choice": [1], "uniform": [0.0, 1.0]}, ("choice", "uniform")),
        ({"uniform": [2.0, 1.0]}, ("[2.0, 1.0]",)),
        ({"randint": [3, 3]}, ("[3, 3]",)),
        ({"loguniform": [0.0, 1.0]}, ("loguniform", "[0.0, 1.0]")),
        ({"chioce": [1]}, ("chioce", "choice")),
    ],
)
def test_invalid_distribution_is_named(distribution: dict[str, Any], named: tuple[str, ...]) -> None:
    with refused(what=[("tune.space.train.lr", *named)], where="params.yaml"):
        parse_params({**raw_params(), "tune": {"space": {"train.lr": distribution}}}, "params.yaml")
