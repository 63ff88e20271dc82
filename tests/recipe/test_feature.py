from typing import Any

import pytest

from firelib.recipe import Feature, FittedFeature
from tests.errors import refused


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        ({"dtype": "float23"}, ["dtype", "float23"], "float32"),
        ({"dtype": "int64", "max_length": 3}, ["max_length", 3, "int64"], 1),
        ({"dtype": "string", "max_length": 0}, ["max_length", 0, "string"], 1),
        ({"dtype": "string", "max_length": 3, "shape": (2,)}, ["string", "shape", "(2,)"], "shape"),
        ({"dtype": "int8", "nullable": True}, ["nullable", "integer"], "missing=-1"),
        ({"dtype": "bool", "nullable": True}, ["bool"], ["int8", "missing=-1"]),
        ({"dtype": "uint8", "nullable": True, "missing": -1}, ["missing=-1", "uint8"], [0, 255]),
        ({"dtype": "int8", "range": (0, 200)}, ["range", "(0, 200)", "int8"], [-128, 127]),
        ({"dtype": "int8", "range": (5, 1)}, ["range", "(5, 1)"], "range="),
        ({"dtype": "float32", "range": (5, 1)}, ["range", "(5, 1)"], "range="),
        ({"dtype": "float32", "shape": (2, 0)}, ["shape", "(2, 0)"], 1),
    ],
)
def test_a_contradictory_declaration(arguments: dict[str, Any], what: list[Any], remedy: Any) -> None:
    with refused(what=what, where="x", remedy=remedy):
        Feature(**{"name": "x", **arguments})


def test_a_feature_without_a_name() -> None:
    with refused(what=["float32", "name"], remedy="column"):
        Feature("", "float32")


def test_a_fitted_feature_has_the_attributes_of_its_declaration() -> None:
    feature = Feature("seats", "int64", shape=(2,), range=(1, 9), nullable=True, missing=-1, description="of a plane")
    fitted = FittedFeature(feature, missing=3)
    for name in ("name", "dtype", "shape", "max_length", "range", "nullable", "ragged", "optional", "description"):
        assert getattr(fitted, name) == getattr(feature, name)
    assert (fitted.missing, fitted.missing_value) == (3, -1)
