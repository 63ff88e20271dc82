"""Section `data.split`: shares or cut dates, and whether they fit the recipe."""

from datetime import date, datetime
from typing import Any

import pytest
import yaml

from firelib.config import Split, check_split, declare_splits, parse_params
from firelib.recipe import Recipe
from tests.config.raw_params import raw_params
from tests.errors import refused

SHARES = Split(train=0.8, validation=0.1, test=0.1)
OWN = Split(train=0.9, validation=0.1, test=0.0)
CUTS = Split(validation_from=date(2024, 1, 1), test_from=date(2024, 3, 1))


class Grouped(Recipe):
    split_by = ("patient",)


class Timed(Recipe):
    split_time = "at"


class Named(Recipe):
    split_column = "fold"


class Official(Recipe):
    test_rows = "official"


def read(text: str) -> Split:
    return parse_params(raw_params(data__split=yaml.safe_load(text)), "params.yaml").data.split


@pytest.mark.parametrize(
    ("text", "cuts"),
    [
        ("{validation_from: 2024-01-01, test_from: 2024-03-01}", [date(2024, 1, 1), date(2024, 3, 1)]),
        ("{validation_from: '2024-01-01', test_from: '2024-03-01'}", [date(2024, 1, 1), date(2024, 3, 1)]),
        (
            "{validation_from: 2024-01-01 12:00:00, test_from: '2024-01-01T13:00:00'}",
            [datetime(2024, 1, 1, 12), datetime(2024, 1, 1, 13)],
        ),
        ("{validation_from: 2011, test_from: 2011.5}", [2011, 2011.5]),
    ],
)
def test_cuts_are_dates_times_or_numbers(text: str, cuts: list[Any]) -> None:
    split = read(text)
    assert split.cuts == cuts
    assert Split.model_validate(split.model_dump(mode="json")) == split


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{validation_from: 2024-03-01, test_from: 2024-03-01}", ["validation_from", "before", "2024-03-01"]),
        ("{validation_from: 2024-03-01}", ["missing", "test_from"]),
        ("{validation_from: 5, test_from: 2024-03-01}", ["5", "2024-03-01"]),
        ("{validation_from: soon, test_from: true}", ["validation_from", "soon", "test_from", "True"]),
        ("{validation_from: .nan, test_from: 5}", ["validation_from", "nan"]),
        ("{train: 0.8, validation: 0.2, validation_from: 1, test_from: 2}", ["shares", "cut dates", "both"]),
        ("{train: 0.8, validation: 0.1}", ["missing", "test"]),
    ],
)
def test_invalid_sections_are_explained(text: str, what: list[str]) -> None:
    with refused(what=["data.split", *what], where="params.yaml"):
        read(text)


@pytest.mark.parametrize(
    ("recipe", "split", "what", "remedy"),
    [
        (Official(), SHARES, ["data.split.test", 0.1, "official"], "test: 0"),
        (Official(), CUTS, ["cut dates"], "Recipe.split_time"),
        (Recipe(), OWN, ["data.split.test", 0], "Recipe.test_rows"),
        (Recipe(), CUTS, ["cut dates"], "Recipe.split_time"),
        (Recipe(), Split(), ["shares", "nothing"], "train, validation and test"),
        (Grouped(), OWN, ["data.split.test", 0], "Recipe.test_rows"),
        (Timed(), SHARES, ["at", "cut dates", "shares"], "validation_from"),
        (Timed(), Split(), ["at", "cut dates", "nothing"], "validation_from"),
        (Named(), SHARES, ["fold"], "remove"),
        (Named(), CUTS, ["fold"], "remove"),
    ],
)
def test_a_section_that_contradicts_the_recipe_is_refused(
    recipe: Recipe, split: Split, what: list[Any], remedy: str
) -> None:
    with refused(what=what, where=["params.yaml", "data.split"], remedy=remedy):
        check_split(split, recipe)


@pytest.mark.parametrize(
    ("recipe", "split", "test"),
    [
        (Recipe(), SHARES, "10.0%"),
        (Grouped(), SHARES, "10.0%"),
        (Timed(), CUTS, "from 2024-03-01"),
        (Named(), Split(), "fold is test"),
        (Official(), OWN, "official"),
    ],
)
def test_a_fitting_section_is_declared_in_words(recipe: Recipe, split: Split, test: str) -> None:
    check_split(split, recipe)
    declared = declare_splits(split, recipe)
    assert list(declared) == ["train", "validation", "test"]
    assert declared["test"] == test
