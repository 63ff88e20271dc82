"""Call the recipe's `transform` with the first rows of its sources."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from firelib.check.finding import Finding, from_error
from firelib.check.sources import SAMPLE_ROWS, Preview
from firelib.data.frames.pandas_frames import preview_frame
from firelib.data.frames.transform_errors import explain_recipe_error
from firelib.keras_import import pause_garbage_collector
from firelib.recipe import Recipe, takes_rows
from firelib.recipe.locations import declaration_line

_WHOLE_BYTES = 4 << 20


@dataclass(frozen=True)
class Sample:
    """Rows that `transform` returned.

    Attributes:
        rows: The rows.
        is_complete: Whether they are all rows of the dataset.
    """

    rows: pd.DataFrame
    is_complete: bool


def transform_sample(recipe: Recipe, file: str | None, preview: Preview) -> tuple[Sample | None, list[Finding]]:
    """Transform the first rows, without Ray.

    Args:
        recipe: The recipe.
        file: Its file.
        preview: The first rows of all its sources.

    Returns:
        The rows, or None if there are none; and what is wrong.
    """
    frames = {name: preview_frame(table) for name, table in preview.tables.items()}
    largest = max(frames, key=lambda name: len(frames[name]))
    frames[largest], is_cut = _thin(frames[largest], len(frames) > 1 and largest in preview.partial)
    line = declaration_line(file, "transform") if file else None
    try:
        with warnings.catch_warnings(action="ignore"):  # the same ones come when the rows are transformed
            rows = _choose_call(recipe)(recipe, frames)
    except Exception as error:  # noqa: BLE001  transform is the user's code
        explained = explain_recipe_error(error, recipe, frames)
        if explained is not error:
            explained.__cause__ = explained.__cause__ or error
        return None, [from_error(explained, "transform", file, line)]
    if len(rows):
        return Sample(rows, not (is_cut or preview.partial)), []
    what = f"transform returns no rows for {', '.join(f'{len(frames[name]):,} of {name}' for name in frames)}"
    if preview.partial or is_cut:
        remedy = "nothing, if a join finds no partners among the first rows; the rows and the model are not checked"
        return None, [Finding("warning", "transform", what, remedy, file, line)]
    return None, [Finding("error", "transform", what, "check the filters and the join keys", file, line)]


def _thin(frame: pd.DataFrame, joins: bool) -> tuple[pd.DataFrame, bool]:
    """The rows to check of the largest table, and whether some are left out.

    Rows at even distances show more classes of a sorted file than the first ones. Where a table was not read whole,
    joins need the first ones, because the other tables may be sorted alike.
    """
    size = int(frame.memory_usage(index=False, deep=False).sum())
    if len(frame) <= SAMPLE_ROWS or (not joins and size <= _WHOLE_BYTES):
        return frame, False
    if joins:
        return frame.iloc[:SAMPLE_ROWS], True
    return frame.iloc[:: -(-len(frame) // SAMPLE_ROWS)].reset_index(drop=True), True


def _choose_call(recipe: Recipe) -> "Callable[[Recipe, dict[str, pd.DataFrame]], pd.DataFrame]":
    """Row-wise recipes need no Dask, whose import takes most of the time of a check."""
    return _call_with_pandas if takes_rows(recipe.transform) and len(recipe.sources) == 1 else _call_with_dask


def _call_with_pandas(recipe: Recipe, frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    result: Any = recipe.transform(frames)
    frame: pd.DataFrame = result.reset_index(drop=True)
    return frame


def _call_with_dask(recipe: Recipe, frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    with pause_garbage_collector():
        import dask

        from firelib.data.frames.conversion import to_dask
        from firelib.data.joined_table import call_transform

    tables = {name: to_dask(frame, name) for name, frame in frames.items()}
    with dask.config.set(scheduler="synchronous"):
        frame: pd.DataFrame = call_transform(recipe, tables).compute().reset_index(drop=True)
    return frame
