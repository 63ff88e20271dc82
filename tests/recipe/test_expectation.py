from typing import Any

import pytest

from firelib.recipe import Expectation
from tests.errors import refused


@pytest.mark.parametrize(
    ("bounds", "what", "remedy"),
    [
        ({}, "bound", "missing"),
        ({"missing": 5}, 5, [0, 1]),
        ({"mean": (2, 1)}, ["mean", 2], "mean"),
        ({"mean": 5}, ["mean", 5], "lowest"),
        ({"std": ()}, ["std", "()"], "lowest"),
        ({"mean": (float("nan"), 1)}, ["mean", "nan"], "mean"),
        ({"mean": "12"}, ["mean", "'12'"], "lowest"),
        ({"std": ("0", 1)}, ["std", "'0'"], "lowest"),
        ({"distinct": {1, 2}}, "distinct", "lowest"),
        ({"missing": "5%"}, "'5%'", "missing"),
        ({"psi": True}, ["psi", True], "psi"),
        ({"psi": -0.1}, ["psi", -0.1], 0.25),
        ({"missing": 0.1, "on_failure": "stop"}, "stop", "warn"),
    ],
)
def test_contradictions_are_refused(bounds: dict[str, Any], what: Any, remedy: Any) -> None:
    with refused(what=what, where="x", remedy=remedy):
        Expectation("x", **bounds)
