"""Apply the recipe's `prepare` to raw rows, as its `transform` does."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from firelib.data.frames.pandas_frames import NULLABLE_DTYPES
from firelib.errors import FirelibError
from firelib.evaluate.input_rows.problems import RowProblems
from firelib.evaluate.input_rows.raw_columns import RawColumns
from firelib.recipe import Recipe

_SEVERAL_MISSING = (" not in index", " are in the [columns]")  # pandas' texts for a list of columns
_MOST_CELLS = 1 << 22  # of a table of rows with different names
_SPARSE = 100  # cells for each value
_MOST_ATTEMPTS = 64  # to find the rows that `prepare` cannot take


class UnpreparedRowsError(FirelibError):
    """Raw rows that the recipe's `prepare` cannot take.

    Attributes:
        find_problems: Finds these rows. The problems do not show the error of `prepare`; the name of a problem is that
            of the raw column, or empty if only `prepare` knows which.
    """

    def __init__(self, what: str, where: str, remedy: str, find_problems: Callable[[], RowProblems]) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.find_problems = find_problems


def has_prepare(recipe: Recipe) -> bool:
    """Whether features are derived from raw columns."""
    return type(recipe).prepare is not Recipe.prepare


def prepare_table(table: pa.Table, recipe: Recipe, where: str) -> pa.Table:
    """Apply `prepare` to rows of a file.

    Args:
        table: Raw rows with the lake's types.
        recipe: The recipe.
        where: The source of the rows, for errors.

    Raises:
        FirelibError: `prepare` fails.
    """
    if not has_prepare(recipe):
        return table
    prepared = pa.Table.from_pandas(_prepare([_to_frame(table)], recipe, where), preserve_index=False)
    return prepared.replace_schema_metadata(None)


def prepare_records(rows: Sequence[Mapping[str, Any]], recipe: Recipe, where: str) -> Sequence[Mapping[str, Any]]:
    """Apply `prepare` to rows of JSON, in a frame with the dtypes that a file with these rows would give it.

    Args:
        rows: Name → value; a missing name means a missing value.
        recipe: The recipe.
        where: The source of the rows, for errors.

    Raises:
        UnpreparedRowsError: A value does not have the declared type of its raw column, or `prepare` fails.
        FirelibError: `prepare` returns other rows.
    """
    if not has_prepare(recipe) or not rows:
        return rows
    _require_common_columns(rows, where)
    problems = RowProblems(len(rows))
    columns = RawColumns(rows, recipe, problems)
    if problems.count:
        described = "\n".join(f"row {row}: {text}" for row, _, text in problems.list_first())
        remedy = "correct these values, or the types of the recipe's sources"
        raise UnpreparedRowsError(described, where, remedy, lambda: problems)
    prepared = _prepare([_join(frame, len(rows)) for frame in columns.frames()], recipe, where)
    numbers = {feature.name for feature in recipe.features}
    return [
        {str(name): _to_plain(value, name in numbers) for name, value in record.items() if not _is_missing(value)}
        for record in prepared.to_dict("records")
    ]


def _require_common_columns(rows: Sequence[Mapping[str, Any]], where: str) -> None:
    """Refuse rows with so many different names that a table of them would be far larger than the rows."""
    cells = len({name for row in rows for name in row}) * len(rows)
    if cells > max(_MOST_CELLS, _SPARSE * sum(map(len, rows))):
        problems = RowProblems(len(rows))
        problems.add("", np.ones(len(rows), bool), lambda _: "the rows have different columns")
        raise UnpreparedRowsError(
            f"expected rows with the same columns, got {cells // len(rows):,} names in {len(rows):,} rows",
            where=where,
            remedy="give the rows the same names",
            find_problems=lambda: problems,
        )


def _to_frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(types_mapper=_to_dtype)
    return frame


def _join(columns: Mapping[str, pa.Array | list[Any]], rows: int) -> pd.DataFrame:
    """A frame of columns; those of mixed types stay Python objects."""
    series = {
        name: pd.Series(column, dtype=object)
        if isinstance(column, list)
        else _to_frame(pa.table({"x": column}))["x"].rename(name)
        for name, column in columns.items()
    }
    return pd.DataFrame(series, index=range(rows))


def _prepare(frames: Sequence[pd.DataFrame], recipe: Recipe, where: str) -> pd.DataFrame:
    """Prepare the first of the frames that `prepare` accepts; they are readings of the same rows."""
    try:
        prepared: Any = recipe.prepare(frames[0])
    except Exception as error:  # the recipe is the user's code
        if len(frames) > 1:
            try:
                return _prepare(frames[1:], recipe, where)
            except UnpreparedRowsError:
                pass  # the first error is that of the more likely types
        raise UnpreparedRowsError(
            f"prepare failed: {type(error).__name__}: {error}",
            where=f"recipe {recipe.name!r}, {where}",
            remedy="pass rows with the columns of the data, or correct the recipe's prepare",
            find_problems=partial(_find_problems, frames, recipe, error),
        ) from error
    got = f"{len(prepared)}" if isinstance(prepared, pd.DataFrame) else type(prepared).__name__
    if got != str(len(frames[0])):
        raise FirelibError(
            f"expected {len(frames[0])} rows from prepare, got {got}",
            where=f"recipe {recipe.name!r}, {where}",
            remedy="return each row once, in the same order; leave rows out in Recipe.exclude",
        )
    checked: pd.DataFrame = prepared
    return checked


def _find_problems(frames: Sequence[pd.DataFrame], recipe: Recipe, error: Exception) -> RowProblems:
    """The rows that `prepare` cannot take, in any reading: all of them if a column is missing."""
    frame = frames[0]
    problems = RowProblems(len(frame))
    column = _missing_column(error)
    if column is not None:
        problems.add(column, np.ones(len(frame), bool), lambda _: f"the raw column {column!r} is missing")
        return problems
    attempts = iter(range(_MOST_ATTEMPTS))
    blocks = list(_find_blocks(frames, recipe, 0, attempts)) or [range(len(frame))]
    broken = np.zeros(len(frame), bool)
    for block in blocks:
        broken[block.start : block.stop] = True
    problems.add("", broken, lambda _: "the recipe's prepare cannot take the row")
    return problems


def _find_blocks(
    frames: Sequence[pd.DataFrame], recipe: Recipe, start: int, attempts: Iterator[int]
) -> Iterator[range]:
    """Halve rows that fail until each of them fails alone, or the attempts are used up."""
    rows = len(frames[0])
    if rows == 1 or next(attempts, None) is None:
        yield range(start, start + rows)
        return
    for first, last in ((0, rows // 2), (rows // 2, rows)):
        half = [frame.iloc[first:last].reset_index(drop=True) for frame in frames]
        if not any(_succeeds(frame, recipe) for frame in half):
            yield from _find_blocks(half, recipe, start + first, attempts)


def _succeeds(frame: pd.DataFrame, recipe: Recipe) -> bool:
    try:
        recipe.prepare(frame)
    except Exception:  # noqa: BLE001  the recipe is the user's code
        return False
    return True


def _missing_column(error: Exception) -> str | None:
    """The column of a frame that `prepare` asked for in vain."""
    if isinstance(error, AttributeError) and isinstance(error.obj, pd.DataFrame):
        return str(error.name)
    if not isinstance(error, KeyError) or not _last_module(error.__traceback__).startswith("pandas."):
        return None
    name = error.args[0]
    return name if isinstance(name, str) and not name.endswith(_SEVERAL_MISSING) else None


def _last_module(trace: TracebackType | None) -> str:
    """Name of the module that raised an error."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return str(trace.tb_frame.f_globals.get("__name__", "")) if trace else ""


def _to_dtype(kind: pa.DataType) -> Any:
    if kind in NULLABLE_DTYPES:
        return NULLABLE_DTYPES[kind]
    checks = (pa.types.is_decimal, pa.types.is_date, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_nested)
    return pd.ArrowDtype(kind) if any(check(kind) for check in checks) else None


def _to_plain(value: Any, is_feature: bool) -> Any:
    """Convert NumPy's arrays and scalars to what JSON has, and a decimal to the number of a feature."""
    if is_feature and isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)
