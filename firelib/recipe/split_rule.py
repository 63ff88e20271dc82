"""What decides whether a row is in the training, validation or test split."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firelib.recipe.recipe import Recipe

#: The splits, in the order of their rows' positions.
SPLITS = ("train", "validation", "test")


class SplitRule(StrEnum):
    """What decides the split of a row."""

    KEY = "hash of the key"
    TEST_ROWS = "test rows, and hash of the key"
    GROUP = "hash of the group"
    TIME = "time"
    COLUMN = "column"
    STRATUM = "hash of the key, in each stratum"


#: Attribute of a recipe → the rule that it selects. A recipe has at most one of them.
_ATTRIBUTES = {
    "test_rows": SplitRule.TEST_ROWS,
    "split_by": SplitRule.GROUP,
    "split_time": SplitRule.TIME,
    "split_column": SplitRule.COLUMN,
    "stratify_by": SplitRule.STRATUM,
}


def find_split_rule(recipe: "Recipe") -> SplitRule:
    """The rule that a recipe selects.

    Example:
        >>> from firelib.recipe import load_recipe
        >>> find_split_rule(load_recipe("flights")).value
        'hash of the group'
    """
    return next((rule for name, rule in _ATTRIBUTES.items() if getattr(recipe, name)), SplitRule.KEY)


def split_columns(recipe: "Recipe") -> tuple[str, ...]:
    """Columns, beside the key, that decide the split of a row; the table that `transform` returns has them."""
    single = (recipe.test_rows, recipe.split_time, recipe.split_column)
    return tuple(dict.fromkeys([*recipe.split_by, *filter(None, single), *recipe.stratify_by]))


def find_split_problems(recipe: "Recipe") -> Iterator[tuple[str, str]]:
    """What is wrong with the attributes of a recipe that select its split, each with the name of the attribute."""
    wrong_types = [*_type_problems(recipe)]
    yield from wrong_types
    chosen = [name for name in _ATTRIBUTES if getattr(recipe, name)]
    if len(chosen) > 1 and not wrong_types:
        yield chosen[-1], f"expected at most one of {', '.join(_ATTRIBUTES)}, got {' and '.join(chosen)}"


def _type_problems(recipe: "Recipe") -> Iterator[tuple[str, str]]:
    for name in ("split_by", "stratify_by"):
        value: object = getattr(recipe, name)
        if isinstance(value, str):
            yield name, f"{name}: expected a sequence such as ({value!r},), got {value!r}"
        elif not isinstance(value, Sequence) or not all(isinstance(column, str) and column for column in value):
            yield name, f"{name}: expected names of columns, got {value!r}"
    for name in ("test_rows", "split_time", "split_column"):
        value = getattr(recipe, name)
        if value is not None and not (isinstance(value, str) and value):
            yield name, f"{name}: expected the name of a column, got {value!r}"
