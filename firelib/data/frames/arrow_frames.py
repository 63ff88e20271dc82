"""Frames of pandas as Arrow tables and back, with equal dtypes and equal index, for files between two tasks."""

import pickle
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

_NUMPY_KINDS = "biufMm"  # booleans, numbers and times, which Arrow has, too


@dataclass(frozen=True, eq=False)
class FrameKind:
    """What a table does not tell of its frame.

    Attributes:
        names: Names of the columns.
        column_levels: Names of the levels of the columns' names.
        dtypes: Dtypes of the index's levels and then of the columns.
        levels: Names of the index's levels.
    """

    names: tuple[Any, ...]
    column_levels: tuple[Hashable, ...]
    dtypes: tuple[Any, ...]
    levels: tuple[Hashable, ...]

    def __eq__(self, other: object) -> bool:
        """Whether tables of both kinds are read alike.

        For pandas, dtypes with the same categories in another order are equal; but codes depend on the order.
        """
        if not isinstance(other, FrameKind):
            return NotImplemented
        return vars(self) == vars(other) and all(map(_has_same_codes, self.dtypes, other.dtypes))

    __hash__ = None  # type: ignore[assignment]  # names and dtypes may have no hash


def _has_same_codes(one: Any, other: Any) -> bool:
    return not isinstance(one, pd.CategoricalDtype) or one.categories.equals(other.categories)


def to_table(frame: pd.DataFrame) -> tuple[pa.Table, FrameKind]:
    """A frame as a table with numbered columns, the index first.

    Args:
        frame: Any frame; values of dtypes that Arrow lacks are pickled one by one.
    """
    levels = [frame.index.get_level_values(level) for level in range(frame.index.nlevels)]
    columns: list[Any] = [*levels, *(frame.iloc[:, index] for index in range(frame.shape[1]))]
    kind = FrameKind(
        names=tuple(frame.columns),
        column_levels=tuple(frame.columns.names),
        dtypes=tuple(column.dtype for column in columns),
        levels=tuple(frame.index.names),
    )
    return pa.table(
        [_to_arrow(column) for column in columns], names=[str(index) for index in range(len(columns))]
    ), kind


def to_frame(table: pa.Table, kind: FrameKind) -> pd.DataFrame:
    """The frame that `to_table` took.

    Args:
        table: Its rows, or some of them.
        kind: Its dtypes and names.
    """
    arrays = [_to_pandas(column, dtype) for column, dtype in zip(table.columns, kind.dtypes, strict=True)]
    count = len(kind.levels)
    frame = pd.DataFrame(dict(enumerate(arrays[count:])), index=_to_index(arrays[:count], kind.levels))
    if len(kind.column_levels) > 1:
        frame.columns = pd.MultiIndex.from_tuples(kind.names, names=kind.column_levels)
    else:
        frame.columns = pd.Index(kind.names, name=kind.column_levels[0], tupleize_cols=False)
    return frame


def _to_index(arrays: list[Any], names: tuple[Hashable, ...]) -> pd.Index:
    if len(arrays) > 1:
        return pd.MultiIndex.from_arrays(arrays, names=names)
    index: pd.Index = pd.Index(arrays[0], name=names[0])
    return index


def _to_arrow(column: Any) -> pa.Array | pa.ChunkedArray:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pa.array(column.array.codes)
    if not _has_arrow_type(column.dtype):
        return pa.array([pickle.dumps(value) for value in column], pa.large_binary())
    return pa.array(column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array)


def _to_pandas(column: pa.ChunkedArray, dtype: Any) -> Any:
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Categorical.from_codes(column.to_numpy(), dtype=dtype)
    if not _has_arrow_type(dtype):
        values = np.empty(len(column), object)  # np.array would make one array of values that are arrays
        values[:] = [pickle.loads(value) for value in column.to_pylist()]  # noqa: S301  `_to_arrow` wrote it
        return pd.array(values, dtype)
    if isinstance(dtype, np.dtype):
        return column.to_numpy().astype(dtype, copy=False)
    return dtype.__from_arrow__(column)


def _has_arrow_type(dtype: Any) -> bool:
    if isinstance(dtype, np.dtype):
        return dtype.kind in _NUMPY_KINDS
    return hasattr(dtype, "__from_arrow__")
