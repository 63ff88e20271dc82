"""Check that the recipe's `prepare` works without the label, which rows to predict do not have."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from firelib.check.finding import Finding
from firelib.check.sources import Preview
from firelib.data.frames.pandas_frames import preview_frame
from firelib.evaluate.input_rows.prepare import has_prepare
from firelib.recipe import Recipe
from firelib.recipe.locations import declaration_line, error_line

_ROWS = 200
_REMEDY = "predict gets rows without it: compute what needs it in transform, or only if the column is there"


def check_prepare(recipe: Recipe, file: str | None, preview: Preview) -> Iterator[Finding]:
    """Call `prepare` with and without the column of the label.

    Recipes with several sources, or whose raw column of the label has another name, are not checked.

    Args:
        recipe: The recipe; its `transform` has accepted the rows.
        file: Its file.
        preview: The first rows of its sources.
    """
    label = recipe.label.name
    if not has_prepare(recipe) or len(preview.tables) != 1:
        return
    rows = preview_frame(next(iter(preview.tables.values()))).iloc[:_ROWS].reset_index(drop=True)
    if label not in rows.columns:
        return
    line = declaration_line(file, "prepare") if file else None
    try:
        with_label = _prepare(recipe, rows)
    except Exception:  # noqa: BLE001  transform may call it with other rows
        return
    try:
        without = _prepare(recipe, rows.drop(columns=label))
    except Exception as error:  # noqa: BLE001  prepare is the user's code
        what = f"prepare fails without the column of the label, {label!r}: {type(error).__name__}: {error}"
        yield Finding("error", "transform", what, _REMEDY, file, (file and error_line(error, file)) or line, label)
        return
    changed = [each.name for each in recipe.features if _differs(with_label, without, each.name)]
    if changed:
        what = f"prepare makes other values of {', '.join(map(repr, changed))} without the label, {label!r}"
        yield Finding("error", "transform", what, _REMEDY, file, line, label)


def _prepare(recipe: Recipe, rows: pd.DataFrame) -> pd.DataFrame:
    prepared: Any = recipe.prepare(rows.copy())
    frame: pd.DataFrame = prepared
    return frame


def _differs(rows: pd.DataFrame, others: pd.DataFrame, column: str) -> bool:
    if column not in rows.columns:
        return False
    return column not in others.columns or not rows[column].reset_index(drop=True).equals(
        others[column].reset_index(drop=True)
    )
