"""Shares in strata: in each small stratum, the cuts between the splits move until the shares are right.

The hash of the key divides the rows of a stratum. Its shares are then as far from the declared ones as chance wants:
of 50 rows, a share of 0.1 gets 5 ± 2. So the cut moves to the nearest hash that gives the stratum its share to within
one percentage point, or half a row. In large strata, the declared cut does that already, and no row ever moves.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from firelib import config
from firelib.data.split.assignment import hash_cuts, hash_groups
from firelib.data.split.position import HASH_SPACE, Hashes, key_hashes, place_in_split
from firelib.errors import FirelibError
from firelib.recipe import SPLITS, Recipe

#: Hash of a stratum → hashes of its rows; None for more than `_LARGE` rows, where the declared cuts are exact enough.
Strata = dict[int, Hashes | None]
#: Hash of a stratum → the first hashes of the validation and of the test split.
Cuts = dict[int, Hashes]

_MOST = 10_000  # strata in a partition
_LARGE = 1 << 16  # rows: there, one percentage point is at least five standard deviations
_TOLERANCE = 0.01  # of a stratum's rows


def collect_strata(rows: pa.Table, recipe: Recipe) -> Strata:
    """The hashes of the rows of each stratum of a partition.

    Args:
        rows: Has the key and the columns `Recipe.stratify_by`.
        recipe: Names the strata.

    Raises:
        FirelibError: There are too many strata.
    """
    strata, indexes = np.unique(hash_groups(rows, recipe.stratify_by), return_inverse=True)
    if len(strata) > _MOST:
        raise FirelibError(
            f"expected at most {_MOST:,} strata, got {len(strata):,}",
            where=f"recipe {recipe.name!r}: stratify_by",
            remedy="name columns with few values, such as the label",
        )
    hashes = hash_groups(rows, recipe.key)
    order = np.argsort(indexes, kind="stable")
    parts = np.split(hashes[order], np.cumsum(np.bincount(indexes, minlength=len(strata)))[:-1]) if len(strata) else []
    return {int(name): part if len(part) <= _LARGE else None for name, part in zip(strata, parts, strict=True)}


def find_cuts(partitions: Iterable[Strata], split: config.Split) -> Cuts:
    """The cuts of the strata for which the declared ones are not exact enough.

    Args:
        partitions: What `collect_strata` returned for each partition.
        split: The declared shares.
    """
    parts: dict[int, list[Hashes | None]] = {}
    for strata in partitions:
        for name, hashes in strata.items():
            parts.setdefault(name, []).append(hashes)
    if not parts:
        return {}
    declared = hash_cuts(split)
    cuts = {name: _move_cuts(hashes, declared, split) for name, hashes in parts.items()}
    return {name: moved for name, moved in cuts.items() if moved is not None}


def _move_cuts(parts: list[Hashes | None], declared: Hashes, split: config.Split) -> Hashes | None:
    """The cuts of one stratum; None if the declared ones are exact enough."""
    small = [part for part in parts if part is not None]
    if len(small) < len(parts) or sum(map(len, small)) > _LARGE:
        return None
    hashes = np.sort(np.concatenate(small))
    shares, moved, before = np.cumsum([split.shares[name] for name in SPLITS[:2]]), declared.copy(), 0
    for index, share in enumerate(shares):
        actual = int(np.searchsorted(hashes, declared[index]))
        before = max(before, _limit(actual, float(share), len(hashes)))
        if before != actual:
            moved[index] = hashes[before] if before < len(hashes) else HASH_SPACE - 1
    return None if (moved == declared).all() else moved


def _limit(actual: int, share: float, rows: int) -> int:
    """The number of rows before a cut that is nearest to the actual one and close enough to the share."""
    exact, tolerance = share * rows, max(0.5, _TOLERANCE * rows)
    return min(max(actual, math.ceil(exact - tolerance)), math.floor(exact + tolerance))


def move_rows(rows: pa.Table, recipe: Recipe, split: config.Split, cuts: Mapping[int, Hashes]) -> Hashes:
    """Positions of the rows of a partition with the cuts of their strata.

    Args:
        rows: What the first pass wrote.
        recipe: Names the strata.
        split: The declared shares.
        cuts: The cuts that differ from the declared ones.
    """
    hashes, strata = hash_groups(rows, recipe.key), hash_groups(rows, recipe.stratify_by)
    first = np.tile(hash_cuts(split), (len(hashes), 1))
    for name, moved in cuts.items():
        first[strata == np.uint64(name)] = moved
    splits = (hashes[:, None] >= first).sum(axis=1, dtype=np.int8)
    return place_in_split(key_hashes(rows.select(list(recipe.key)).to_pandas(), recipe.key), splits)
