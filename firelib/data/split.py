"""A row's place and split, by a hash of its key: neither moves when other rows arrive.

Rows are ordered by a 64-bit hash of the key. The splits are ranges of the hash, the shards ranges of the split, so
one sorted order gives all of them, already shuffled. Where the recipe names its test rows, those take the upper half
of the hashes, and all others share the lower half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from firelib import config
from firelib.errors import FirelibError, did_you_mean

SPACE = 1 << 64
HASH = "firelib_hash"
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class HashRange:
    """Hashes from `low` up to, not including, `high`."""

    low: int
    high: int

    def divide(self, count: int) -> "list[HashRange]":
        """Equal parts, in order."""
        edges = [self.low + (self.high - self.low) * index // count for index in range(count + 1)]
        return [HashRange(low, high) for low, high in pairwise(edges)]


def split_ranges(split: config.Split, test_rows: str | None = None) -> dict[str, HashRange]:
    """The range of hashes of each split, by its share.

    Args:
        split: The shares.
        test_rows: The recipe's column that says which rows are the test split.

    Raises:
        FirelibError: Hashes and the recipe would both, or neither, choose the test rows.
    """
    if bool(split.test) == bool(test_rows):
        raise FirelibError(
            f"data.split.test is {split.test:g}, and "
            + (f"column {test_rows!r} says which rows are the test split" if test_rows else "nothing else names a row"),
            where="params.yaml: data.split",
            remedy="test: 0, train and validation together 1" if test_rows else "a share above 0, or Recipe.test_rows",
        )
    whole = SPACE // 2 if test_rows else SPACE
    train_end = int(split.train * whole)
    validation_end = whole if test_rows else int((split.train + split.validation) * whole)
    return {
        "train": HashRange(0, train_end),
        "validation": HashRange(train_end, validation_end),
        "test": HashRange(validation_end, SPACE),
    }


def places(rows: pd.DataFrame, key: Sequence[str], test_rows: str | None = None) -> Hashes:
    """Each row's place among the hashes: its key's hash, moved into the half that `test_rows` says.

    Raises:
        FirelibError: As `key_hashes`; or the column `test_rows` is missing, has nulls or is not boolean.
    """
    hashes = key_hashes(rows, key)
    if test_rows is None:
        return hashes
    upper = _booleans(rows, test_rows).astype(np.uint64) << np.uint64(63)
    return (hashes >> np.uint64(1)) | upper


def _booleans(rows: pd.DataFrame, column: str) -> npt.NDArray[np.bool_]:
    if column not in rows.columns:
        problem, remedy = f"there is no column {column!r}", did_you_mean(column, rows.columns)
    elif not pd.api.types.is_bool_dtype(rows[column].dtype) or rows[column].isna().any():
        problem, remedy = f"column {column!r} is not true or false in every row", "make it boolean, without nulls"
    else:
        return rows[column].to_numpy(bool)
    raise FirelibError(problem, where="Recipe.test_rows, in the table that transform returns", remedy=remedy)


def key_hashes(rows: pd.DataFrame, key: Sequence[str]) -> Hashes:
    """A uniform 64-bit hash of each row's key.

    pandas' hash of the key's columns (SipHash-free, seeded by a constant, the same on every platform; golden tests
    hold its values), finished by the mixer of SplitMix64 (Steele et al., 2014) so that its top bits are uniform.

    Raises:
        FirelibError: A key column is missing, or is null somewhere.
    """
    for column in key:
        if column not in rows.columns:
            raise FirelibError(
                f"there is no key column {column!r}",
                where="the table that the recipe's transform returns",
                remedy=did_you_mean(column, rows.columns),
            )
        if rows[column].isna().any():
            raise FirelibError(
                f"key column {column!r} is null in {int(rows[column].isna().sum())} rows",
                where="the table that the recipe's transform returns",
                remedy="a key identifies a row: choose columns without nulls, or exclude those rows",
            )
    plain = pd.DataFrame({column: _plain(rows[column]) for column in key})
    return _mix(pd.util.hash_pandas_object(plain, index=False).to_numpy().astype(np.uint64))


def _plain(column: "pd.Series[Any]") -> npt.NDArray[np.generic]:
    """One representation for each kind of value, so that 1 and int8(1), or str and object, hash alike."""
    if pd.api.types.is_integer_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(np.int64)
    if pd.api.types.is_float_dtype(column.dtype):
        return column.to_numpy(np.float64)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy("datetime64[us]").astype(np.int64)
    return column.astype(str).to_numpy(object)


def _mix(hashes: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))
