"""Columns that identify a row together."""

import numpy as np
import pyarrow as pa
import pytest

from firelib.scaffold.columns import describe_table
from firelib.scaffold.features import is_identifier
from firelib.scaffold.key import find_key

RANDOM = np.random.default_rng(0)
SHOPS, WEEKS = 40, 30
GRID = np.array([(shop, week) for shop in range(SHOPS) for week in range(WEEKS)])


def key_of(**columns: object) -> tuple[str, ...]:
    table = pa.table(columns)
    return find_key(describe_table(table), table)


def test_a_grid_is_identified_by_its_sides() -> None:
    """40 shops in 30 weeks, of which some are missing, in any order; the measurements are no part of the key."""
    rows = GRID[RANDOM.permutation(len(GRID))[:900]]
    sold, price = RANDOM.integers(0, 50, 900), RANDOM.integers(0, 10**6, 900)
    assert key_of(shop=[f"s{shop}" for shop in rows[:, 0]], sold=sold, week=rows[:, 1], price=price) == ("shop", "week")


def test_three_sides() -> None:
    cube = np.array([(year, month, day) for year in range(3) for month in range(12) for day in range(28)])
    cube = cube[RANDOM.permutation(len(cube))]
    assert key_of(year=cube[:, 0], month=cube[:, 1], day=cube[:, 2]) == ("year", "month", "day")


def test_pairs_of_identifiers_need_no_grid() -> None:
    assert key_of(order_id=[1, 1, 2, 3], item_no=[1, 2, 1, 1], price=[5, 5, 5, 6]) == ("order_id", "item_no")


@pytest.mark.parametrize("rows", [50, 2000])
def test_measurements_that_happen_to_be_unique_are_no_key(rows: int) -> None:
    high, wide = (RANDOM.permutation(10 * rows)[:rows] // 2 for _ in range(2))
    assert key_of(high=high, wide=wide, deep=RANDOM.integers(0, 9, rows)) == ()


def test_repeated_rows_have_no_key() -> None:
    rows = np.concatenate([GRID, GRID[:1]])
    assert key_of(shop=rows[:, 0], week=rows[:, 1]) == ()


def test_integers_that_floats_would_round_are_names() -> None:
    values = 2**60 + RANDOM.permutation(100)
    assert key_of(listing=values, price=RANDOM.integers(0, 9, 100)) == ("listing",)
    (column,) = describe_table(pa.table({"listing": values}))
    assert is_identifier(column)
