"""Check that the recipe's `prepare` needs nothing that rows to predict lack: the label, and other rows."""

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
_NO_LABEL = "predict gets rows without it: compute what needs it in transform, or only if the column is there"


def check_prepare(recipe: Recipe, file: str | None, preview: Preview) -> Iterator[Finding]:
    """Call `prepare` without the column of the label, and with half of the rows.

    Recipes with several sources are not checked, nor a label whose raw column has another name.

    Args:
        recipe: The recipe; its `transform` has accepted the rows.
        file: Its file.
        preview: The first rows of its sources.
    """
    if not has_prepare(recipe) or len(preview.tables) != 1:
        return
    rows = preview_frame(next(iter(preview.tables.values()))).iloc[:_ROWS].reset_index(drop=True)
    try:
        prepared = _prepare(recipe, rows)
    except Exception:  # noqa: BLE001  transform may call it with other rows
        return
    yield from _check_without_label(recipe, file, rows, prepared)
    yield from _check_half(recipe, file, rows, prepared)


def _check_without_label(
    recipe: Recipe, file: str | None, rows: pd.DataFrame, prepared: pd.DataFrame
) -> Iterator[Finding]:
    label, line = recipe.label.name, declaration_line(file, "prepare") if file else None
    if label not in rows.columns:
        return
    try:
        without = _prepare(recipe, rows.drop(columns=label))
    except Exception as error:  # noqa: BLE001  prepare is the user's code
        what = f"prepare fails without the column of the label, {label!r}: {type(error).__name__}: {error}"
        yield Finding("error", "transform", what, _NO_LABEL, file, (file and error_line(error, file)) or line, label)
        return
    changed = _find_changed(recipe, prepared, without)
    if changed:
        what = f"prepare makes other values of {', '.join(map(repr, changed))} without the label, {label!r}"
        yield Finding("error", "transform", what, _NO_LABEL, file, line, label)


def _check_half(recipe: Recipe, file: str | None, rows: pd.DataFrame, prepared: pd.DataFrame) -> Iterator[Finding]:
    half = len(rows) // 2
    if not half or len(prepared) != len(rows):
        return
    try:
        part = _prepare(recipe, rows.iloc[:half].reset_index(drop=True))
    except Exception:  # noqa: BLE001  prepare is the user's code
        return
    changed = _find_changed(recipe, prepared.iloc[:half], part)
    if changed and len(part) == half:
        what = f"the values of {', '.join(map(repr, changed))} depend on the other rows that prepare gets"
        remedy = (
            "compute them from the row alone: predict gets other rows, and transform calls it for parts of the data"
        )
        line = declaration_line(file, "prepare") if file else None
        yield Finding("error", "transform", what, remedy, file, line, changed[0])


def _find_changed(recipe: Recipe, rows: pd.DataFrame, others: pd.DataFrame) -> list[str]:
    return [each.name for each in recipe.features if _differs(rows, others, each.name)]


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
