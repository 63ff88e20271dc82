"""Shares of the splits that leave no split empty."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from firelib.config import Split
from firelib.data.split.assignment import assign_by_hash, hash_groups
from firelib.data.split.position import Hashes, key_hashes
from firelib.errors import FirelibError
from firelib.recipe import SPLITS

_CHOICES = ((0.8, 0.1, 0.1), (0.7, 0.15, 0.15), (0.6, 0.2, 0.2), (0.5, 0.25, 0.25), (0.34, 0.33, 0.33))
_MANY = 2000  # of so many hashes, no split is empty
_LEAST_ROWS = 5  # in a split, if there are enough rows
_LEAST_GROUPS = 2


def choose_key_shares(keys: pa.Table) -> Mapping[str, float]:
    """Choose the shares of train, validation and test where the hash of the key decides the split.

    Args:
        keys: The key's columns, or the number of each row.

    Raises:
        FirelibError: No choice gives each split a row.
    """
    if keys.num_rows > _MANY:
        return _to_split(_CHOICES[0]).shares
    frame = keys.to_pandas()
    return _choose(key_hashes(frame, list(frame.columns)), "rows", "--from", _LEAST_ROWS)


def choose_group_shares(groups: pa.Table) -> Mapping[str, float]:
    """Choose the shares of train, validation and test where the hash of the group decides the split.

    Args:
        groups: The columns of the group, of each row.

    Raises:
        FirelibError: No choice gives each split a group.
    """
    distinct = groups.group_by(groups.column_names).aggregate([])
    return _choose(hash_groups(distinct, groups.column_names), "groups", "--split-by", _LEAST_GROUPS)


def _choose(hashes: Hashes, what: str, option: str, enough: int) -> Mapping[str, float]:
    """The first choice that gives each split enough of the hashes, or else one at least."""
    for least in (min(enough, len(hashes) // 10), 1):
        for choice in map(_to_split, _CHOICES):
            if np.bincount(assign_by_hash(hashes, choice), minlength=len(SPLITS)).min() >= max(1, least):
                return choice.shares
    raise FirelibError(
        f"{len(hashes):,} {what} do not fill the splits for training, validation and test",
        where=option,
        remedy=f"pass data with more {what}: hundreds for a model that is worth something",
    )


def _to_split(shares: tuple[float, float, float]) -> Split:
    return Split(**dict(zip(SPLITS, shares, strict=True)))
