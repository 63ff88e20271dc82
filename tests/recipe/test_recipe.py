"""The defaults of a recipe, and the examples in the docstrings of the package."""

import doctest

import pytest

from firelib.recipe import Recipe, feature, loading, recipe, source


def test_by_default_no_row_is_excluded() -> None:
    assert Recipe().exclude(None) == {}  # type: ignore[arg-type]


@pytest.mark.parametrize("module", [feature, loading, recipe, source], ids=lambda module: module.__name__)
def test_examples_run(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted
    assert not result.failed
