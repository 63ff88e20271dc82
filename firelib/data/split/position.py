"""The position of a row, by a hash of its key. New rows do not change it.

Rows are sorted by a 64-bit position, which also shuffles them. A split is a range of positions, and a shard is a range
within its split. Usually, the position is the hash of the key, and the ranges are the shares of the splits. Where the
recipe names its test rows, these take the upper half of the positions, and the other rows take the lower half. Where
the hash of the key does not decide the split, each split takes a quarter of the positions, and the hash of the key
decides the position within it: rows of a group are therefore as well mixed as any others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from firelib import config
from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import SPLITS, SplitRule

#: Number of 64-bit hashes.
HASH_SPACE = 1 << 64
#: Column with the hashes in files of the first pass.
HASH = "firelib_hash"
Hashes = npt.NDArray[np.uint64]
# Of the second half of a key's identity: pandas' seed for texts, and what gives numbers another half than the first.
_SECOND_KEY, _SECOND_SALT, _ODD = "firelib-identity", np.uint64(0xD1B54A32D192ED03), np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class HashRange:
    """Hashes from `low` up to, not including, `high`."""

    low: int
    high: int

    def divide(self, count: int) -> "list[HashRange]":
        """Ascending parts of equal size, to within one hash."""
        edges = [self.low + (self.high - self.low) * index // count for index in range(count + 1)]
        return [HashRange(low, high) for low, high in pairwise(edges)]


def split_ranges(split: config.Split, rule: SplitRule = SplitRule.KEY) -> dict[str, HashRange]:
    """The range of positions of each split.

    Args:
        split: The shares of the splits, if `rule` needs them.
        rule: What decides the split of a row.

    Returns:
        Split → range of positions, for train, validation and test.
    """
    if rule not in (SplitRule.KEY, SplitRule.TEST_ROWS):
        quarter = HASH_SPACE // 4
        return {name: HashRange(index * quarter, (index + 1) * quarter) for index, name in enumerate(SPLITS)}
    whole = HASH_SPACE // 2 if rule is SplitRule.TEST_ROWS else HASH_SPACE
    train, validation = (split.shares[name] for name in SPLITS[:2])
    train_end = int(train * whole)
    validation_end = whole if rule is SplitRule.TEST_ROWS else int((train + validation) * whole)
    return {
        "train": HashRange(0, train_end),
        "validation": HashRange(train_end, validation_end),
        "test": HashRange(validation_end, HASH_SPACE),
    }


def key_bits(rule: SplitRule) -> int:
    """Number of the low bits of a position that the hash of the key decides, by its own high bits.

    Args:
        rule: What decides the split of a row.
    """
    return {SplitRule.KEY: 64, SplitRule.TEST_ROWS: 63}.get(rule, 62)


def find_ranges(positions: Hashes, ranges: Mapping[str, HashRange]) -> npt.NDArray[np.intp]:
    """Index of the range in which each position is.

    Args:
        positions: The position of each row.
        ranges: Split → its range of positions, in ascending order.
    """
    ends = np.array([part.high - 1 for part in ranges.values()], np.uint64)
    return np.searchsorted(ends, positions, side="left")


def place_in_split(hashes: Hashes, splits: npt.NDArray[np.int8]) -> Hashes:
    """The position of each row whose split does not depend on the hash of its key.

    Args:
        hashes: Hash of each row's key.
        splits: Index of each row's split in `SPLITS`.

    Returns:
        uint64 [rows], inside the ranges of `split_ranges`.
    """
    return (hashes >> np.uint64(2)) | (splits.astype(np.uint64) << np.uint64(62))


def compute_hashes(rows: pd.DataFrame, key: Sequence[str], test_rows: str | None = None) -> Hashes:
    """The hash that decides the split and the position of each row.

    Args:
        rows: Has the columns `key` and `test_rows`.
        key: Columns that identify a row.
        test_rows: Column that is true in the rows of the test split; these rows get the upper half of the hashes.

    Returns:
        uint64 [rows].

    Raises:
        FirelibError: A key column is missing or has nulls; or `test_rows` is missing, has nulls or is not boolean.
    """
    hashes = key_hashes(rows, key)
    if test_rows is None:
        return hashes
    upper = _booleans(rows, test_rows).astype(np.uint64) << np.uint64(63)
    return (hashes >> np.uint64(1)) | upper


def _booleans(rows: pd.DataFrame, column: str) -> npt.NDArray[np.bool_]:
    if column not in rows.columns:
        problem, remedy = f"the column {column!r} is missing", did_you_mean(column, rows.columns)
    elif not pd.api.types.is_bool_dtype(rows[column].dtype) or rows[column].isna().any():
        problem, remedy = f"expected true or false in every row of column {column!r}", "make it boolean without nulls"
    else:
        return rows[column].to_numpy(bool)
    raise FirelibError(problem, where="Recipe.test_rows, in the table that transform returns", remedy=remedy)


def key_hashes(rows: pd.DataFrame, key: Sequence[str]) -> Hashes:
    """A uniform 64-bit hash of each row's key.

    pandas hashes the key's columns with a constant seed, equally on every platform; golden tests check the values. The
    mixer of SplitMix64 (Steele, Lea & Flood, 2014, "Fast splittable pseudorandom number generators") then makes the
    top bits uniform.

    Args:
        rows: Has the columns `key`.
        key: Columns that identify a row.

    Returns:
        uint64 [rows].

    Raises:
        FirelibError: A key column is missing or has nulls.
    """
    for column in key:
        if column not in rows.columns:
            raise FirelibError(
                f"the key column {column!r} is missing",
                where="the table that the recipe's transform returns",
                remedy=did_you_mean(column, rows.columns),
            )
        if rows[column].isna().any():
            raise FirelibError(
                f"key column {column!r} is null in {int(rows[column].isna().sum())} rows",
                where="the table that the recipe's transform returns",
                remedy="choose key columns without nulls, or exclude these rows (Recipe.exclude)",
            )
        check_key_type(column, rows[column])
    plain = pd.DataFrame({column: _plain(rows[column]) for column in key})
    return mix(pd.util.hash_pandas_object(plain, index=False).to_numpy().astype(np.uint64))


def identify_keys(rows: pd.DataFrame, key: Sequence[str]) -> Hashes:
    """A hash of 128 bits of each row's key, which is the same for no two keys of a dataset.

    Args:
        rows: Has the columns `key`.
        key: Columns that identify a row.

    Returns:
        uint64 [rows, 2]; the first half is the one of `key_hashes`.

    Raises:
        FirelibError: A key column is missing or has nulls.
    """
    first = key_hashes(rows, key)
    second = np.zeros(len(rows), np.uint64)
    for column in key:
        values = pd.util.hash_array(_plain(rows[column]), hash_key=_SECOND_KEY, categorize=False).astype(np.uint64)
        second = mix(mix(values ^ _SECOND_SALT) + second * _ODD)
    return np.stack([first, second], axis=1)


def check_key_type(name: str, column: Any, role: str = "key") -> None:
    """Refuse a column of lists, maps or structs, which have no order, where rows are identified by it.

    Args:
        name: Name of the column.
        column: The column, of pandas or of Dask. Of a Dask column, only the dtype is known.
        role: What the column is part of.

    Raises:
        FirelibError: The column has nested values.
    """
    dtype = column.dtype
    kind: Any = None
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_nested(dtype.pyarrow_dtype):
        kind = dtype.pyarrow_dtype
    elif isinstance(column, pd.Series) and pd.api.types.is_object_dtype(dtype) and len(column):
        first = column.iloc[0]
        kind = type(first).__name__ if isinstance(first, list | dict | np.ndarray) else None
    if kind is not None:
        raise FirelibError(
            f"{role} column {name!r} has values of type {kind}",
            where="the table that the recipe's transform returns",
            remedy=f"choose {role} columns of numbers, text, dates or times",
        )


def _plain(column: "pd.Series[Any]") -> npt.NDArray[np.generic]:
    """A column in one dtype for each kind of value, so that 1 and int8(1), or str and object, have the same hash."""
    if pd.api.types.is_integer_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(np.int64)
    if pd.api.types.is_float_dtype(column.dtype):
        return column.to_numpy(np.float64)
    if pd.api.types.is_datetime64_any_dtype(column.dtype) and not _is_date(column):
        return column.to_numpy("datetime64[us]").astype(np.int64)
    if _has_bytes(column):
        return np.array([value.decode(errors="backslashreplace") for value in column], object)
    if pd.api.types.is_timedelta64_dtype(column.dtype):  # pandas drops the time of day if no row of the column has one
        return np.array([str(value) for value in column], object)
    return column.astype(str).to_numpy(object)


def _has_bytes(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_object_dtype(column.dtype) and len(column) > 0 and isinstance(column.iloc[0], bytes)


def _is_date(column: "pd.Series[Any]") -> bool:
    """Whether a column has Arrow's dates, which are hashed as text, as Python's dates are."""
    return isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_date(column.dtype.pyarrow_dtype)


def mix(hashes: Hashes) -> Hashes:
    """Uniform hashes from hashes whose bits may depend on each other (SplitMix64)."""
    with np.errstate(over="ignore"):
        hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))
