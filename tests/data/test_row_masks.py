"""The masks of a recipe belong to its rows, or are refused: a mask of other rows would exclude the wrong ones."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from firelib.data.row_masks import exclude_rows, find_masks
from firelib.recipe import Recipe
from tests.errors import refused

ROWS = pd.DataFrame({"x": [3, 1, 2, 5]}, index=[7, 8, 9, 4])


def recipe_of(masks: Any) -> Recipe:
    class Declared(Recipe):
        name = "declared"

        def exclude(self, rows: pd.DataFrame) -> Any:
            return masks(rows)

    return Declared()


@pytest.mark.parametrize(
    "mask",
    [
        lambda rows: rows["x"] > 2,
        lambda rows: (rows["x"] > 2).to_numpy(),
        lambda rows: pd.Series((rows["x"] > 2).to_numpy()),  # a new index
        lambda rows: rows.sort_values("x")["x"] > 2,  # another order
        lambda rows: (rows["x"] > 2).astype("boolean").where(rows["x"] > 2),  # missing values are false
        lambda rows: (rows["x"] > 2).astype(int),
        lambda rows: pd.Series([True, None, False, True], index=rows.index, dtype=object),
    ],
)
def test_a_mask_has_a_value_for_each_row(mask: Any) -> None:
    assert find_masks(ROWS, recipe_of(lambda rows: {"large": mask(rows)}), "exclude")["large"].tolist() == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("mask", "what"),
    [
        (lambda rows: rows["x"][rows["x"] > 2] > 2, [4, 2]),
        (lambda rows: np.array([True]), [4, 1]),  # NumPy would give it to all rows
        (lambda rows: pd.Series(True, index=[0, 1, 2, 9]), 4),
        (lambda rows: rows["x"].max() > 2, "mask"),
        (lambda rows: rows["x"].astype(str), "booleans"),
        (lambda rows: None, "NoneType"),
    ],
)
def test_masks_of_other_rows_are_refused(mask: Any, what: Any) -> None:
    with refused(what=what, where=["declared", "exclude", "'large'"], remedy="rows['x'] < 0"):
        exclude_rows(ROWS, recipe_of(lambda rows: {"large": mask(rows)}))


def test_a_method_that_returns_nothing_is_named() -> None:
    with refused(what=["exclude", "NoneType"], where="exclude", remedy="return"):
        exclude_rows(ROWS, recipe_of(lambda rows: None))


def test_rows_without_any_pass() -> None:
    rows, counts = exclude_rows(ROWS.iloc[:0], recipe_of(lambda rows: {"large": rows["x"] > 2}))
    assert (len(rows), dict(counts)) == (0, {"large": 0})


@pytest.mark.parametrize("index", [[0, 0, 1, 1], [3, 2, 1, 0]])
def test_rows_may_have_any_index(index: list[int]) -> None:
    rows = ROWS.set_axis(index)
    kept, counts = exclude_rows(rows, recipe_of(lambda rows: {"large": rows["x"] > 2}))
    assert (kept["x"].tolist(), dict(counts)) == ([1, 2], {"large": 2})
    new = find_masks(rows, recipe_of(lambda rows: {"large": pd.Series((rows["x"] > 2).to_numpy())}), "exclude")
    assert new["large"].tolist() == [True, False, False, True]
