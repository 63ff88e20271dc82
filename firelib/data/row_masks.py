"""What a recipe says about rows: which ones it excludes (`exclude`), and which ones it sets aside (`set_aside`)."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Recipe

Mask = npt.NDArray[np.bool_]


def exclude_rows(rows: pd.DataFrame, recipe: Recipe) -> tuple[pd.DataFrame, Counter[str]]:
    """The rows without those that the recipe excludes, and the number of excluded rows for each reason.

    Args:
        rows: Rows that the recipe's `transform` returns.
        recipe: Excludes rows.

    Raises:
        FirelibError: As for `find_masks`.
    """
    counts: Counter[str] = Counter()
    out = np.zeros(len(rows), dtype=bool)
    for reason, mask in find_masks(rows, recipe, "exclude").items():
        new = mask & ~out
        counts[reason] = int(new.sum())
        out |= new
    return rows[~out], counts


def find_masks(rows: pd.DataFrame, recipe: Recipe, method: Literal["exclude", "set_aside"]) -> dict[str, Mask]:
    """What a method of the recipe says about rows: reason → mask. A missing value in a mask is false.

    Args:
        rows: Rows that the recipe's `transform` returns.
        recipe: Has the method.
        method: Its name.

    Raises:
        FirelibError: The method reads a column that the rows lack, returns no mapping, or a mask does not have one
            boolean for each row.
    """
    where = f"recipe {recipe.name!r}: {method}"
    try:
        masks: Any = getattr(recipe, method)(rows)
    except KeyError as error:
        name = str(error.args[0])
        raise FirelibError(
            f"{method} reads column {name!r}, which the table lacks",
            where=where,
            remedy=did_you_mean(name, map(str, rows.columns)),
        ) from error
    if not isinstance(masks, Mapping):
        raise FirelibError(
            f"{method} returns {type(masks).__name__}, not a mapping of reasons to masks",
            where=where,
            remedy="return {'reason': rows['x'] < 0}, or {} where there is nothing to say",
        )
    return {str(reason): _to_mask(mask, rows, f"{where}, {reason!r}") for reason, mask in masks.items()}


def _to_mask(given: object, rows: pd.DataFrame, where: str) -> Mask:
    """One boolean for each row: by the index of the rows, as where pandas selects rows, or by their order.

    Args:
        given: What the recipe returned: a series, or an array.
        rows: The rows.
        where: The reason, for errors.
    """
    if isinstance(given, np.ndarray):
        given = pd.Series(given)
    if not isinstance(given, pd.Series):
        raise _refuse(f"expected a mask with a value for each row, got {type(given).__name__}", where)
    types = pd.api.types
    if not (types.is_bool_dtype(given.dtype) or types.is_numeric_dtype(given.dtype) or given.dtype == object):
        raise _refuse(f"expected a mask of booleans, got {given.dtype}", where)
    is_new = isinstance(given.index, pd.RangeIndex) and given.index.equals(pd.RangeIndex(len(rows)))
    if not (is_new or given.index.equals(rows.index)):
        is_permuted = len(given) == len(rows) and rows.index.is_unique and rows.index.isin(given.index).all()
        if not is_permuted:
            raise _refuse(f"expected a mask of the {len(rows)} rows, got one of {len(given)} other rows", where)
        given = given.reindex(rows.index)
    mask: Mask = given.fillna(False).to_numpy(bool)
    return mask


def _refuse(what: str, where: str) -> FirelibError:
    return FirelibError(what, where=where, remedy="compute the mask from the columns of all rows: rows['x'] < 0")
