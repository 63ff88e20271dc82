from pathlib import Path
from typing import Any

import pytest

from firelib.recipe import Recipe, SplitRule, find_split_rule, load_recipe, split_columns
from firelib.recipe.split_rule import find_split_problems
from tests.errors import refused
from tests.recipe.test_loading import PARTS


def recipe_with(**attributes: Any) -> Recipe:
    recipe: Recipe = type("Some", (Recipe,), attributes)()
    return recipe


@pytest.mark.parametrize(
    ("attributes", "rule", "columns"),
    [
        ({}, SplitRule.KEY, ()),
        ({"split_by": ["year", "day"]}, SplitRule.GROUP, ("year", "day")),
        ({"split_time": "at"}, SplitRule.TIME, ("at",)),
        ({"split_column": "fold"}, SplitRule.COLUMN, ("fold",)),
        ({"test_rows": "official"}, SplitRule.TEST_ROWS, ("official",)),
        ({"stratify_by": ("late",)}, SplitRule.STRATUM, ("late",)),
    ],
)
def test_an_attribute_selects_the_rule(attributes: dict[str, Any], rule: SplitRule, columns: tuple[str, ...]) -> None:
    recipe = recipe_with(**attributes)
    assert find_split_rule(recipe) is rule
    assert split_columns(recipe) == columns
    assert not [*find_split_problems(recipe)]


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"split_by": "day"}, ["split_by", "('day',)"]),
        ({"split_by": (1,)}, ["split_by", "(1,)"]),
        ({"stratify_by": 3}, ["stratify_by", "3"]),
        ({"split_time": ("day",)}, ["split_time", "('day',)"]),
        ({"split_column": ""}, ["split_column", "''"]),
        ({"split_by": ("day",), "split_time": "at"}, ["split_by and split_time"]),
        ({"split_by": ("day",), "stratify_by": ("late",)}, ["split_by and stratify_by"]),
    ],
)
def test_wrong_attributes_are_named(attributes: dict[str, Any], named: list[str]) -> None:
    ((attribute, problem),) = find_split_problems(recipe_with(**attributes))
    assert attribute in attributes
    assert all(part in problem for part in named)


def test_a_module_may_declare_what_decides_the_split(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PARTS + "split_by = ('x',)\n")
    assert load_recipe(str(file)).split_by == ("x",)
    file.write_text(PARTS + "split_time = 'x'\nsplit_column = 'y'\n")
    with refused(what=["split_time", "split_column"], where="mine.py"):
        load_recipe(str(file))
