import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.config import Split
from firelib.data.split.assignment import assign_by_hash, hash_groups
from firelib.data.split.strata import collect_strata, find_cuts, move_rows
from firelib.recipe import Recipe
from tests.errors import refused

SPLIT = Split(train=0.8, validation=0.1, test=0.1)


class Stratified(Recipe):
    name = "stratified"
    key = ("id",)
    stratify_by = ("kind",)


def divide(kinds: list[int]) -> np.ndarray:
    """The split of each row."""
    rows = pa.table({"id": range(len(kinds)), "kind": kinds})
    cuts = find_cuts([collect_strata(rows, Stratified())], SPLIT)
    return (move_rows(rows, Stratified(), SPLIT, cuts) >> np.uint64(62)).astype(int)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=6))
def test_each_stratum_has_its_shares_to_one_percentage_point_or_half_a_row(sizes: list[int]) -> None:
    kinds = [kind for kind, size in enumerate(sizes) for _ in range(size)]
    splits = divide(kinds)
    for kind, size in enumerate(sizes):
        counts = np.bincount(splits[np.array(kinds) == kind], minlength=3)
        close = max(0.5, 0.01 * size) + 1e-9
        assert abs(counts[0] - 0.8 * size) <= close
        assert abs(counts[0] + counts[1] - 0.9 * size) <= close


def test_a_large_stratum_keeps_the_declared_cuts() -> None:
    rows = pa.table({"id": range(100_000), "kind": np.zeros(100_000, int)})
    assert find_cuts([collect_strata(rows, Stratified())], SPLIT) == {}
    parts = [collect_strata(rows.slice(start, 1000), Stratified()) for start in range(0, 100_000, 1000)]
    assert find_cuts(parts, SPLIT) == {}


def test_only_rows_near_the_cut_move() -> None:
    kinds = [0] * 300
    rows = pa.table({"id": range(300)})
    unmoved = assign_by_hash(hash_groups(rows, ["id"]), SPLIT)
    assert (divide(kinds) != unmoved).mean() < 0.1


def test_too_many_strata_are_refused() -> None:
    rows = pa.Table.from_pandas(pd.DataFrame({"id": range(10_001), "kind": range(10_001)}))
    with refused(what=["10,000", "10,001"], where="stratify_by", remedy="label"):
        collect_strata(rows, Stratified())


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_tiny_stratum_is_divided(size: int) -> None:
    assert divide([0] * size).tolist().count(0) >= round(0.8 * size - 0.5)
