"""A key with so many rows that no worker can hold its partition."""

from pathlib import Path

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from firelib.data.shuffle.exchange import exchange_through_files
from tests.errors import refused

ROWS = 20_000


def join(share: float) -> dd.DataFrame:
    """A join of two tables, one with a key that has a share of its rows."""
    shop = np.arange(ROWS)
    shop[: int(ROWS * share)] = 7
    left = dd.from_pandas(pd.DataFrame({"shop": np.random.default_rng(0).permutation(shop), "x": 1.0}), npartitions=16)
    right = dd.from_pandas(pd.DataFrame({"shop": np.arange(ROWS), "y": 2.0}), npartitions=16)
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        return left.merge(right, on="shop", broadcast=False)


def test_a_key_with_half_of_the_rows_is_named(tmp_path: Path) -> None:
    frame = exchange_through_files(join(0.5), str(tmp_path), most_bytes=ROWS * 24 // 4)
    with refused(
        what=["key shop = 7 has 10,000 of 20,000 rows", "in one partition"],
        where="join or group-by",
        remedy="repartition(npartitions=1)",
    ):
        frame.compute(scheduler="sync")


@pytest.mark.parametrize(("share", "most_bytes"), [(0.0, ROWS * 24 // 4), (0.5, ROWS * 24), (0.5, None)])
def test_partitions_that_fit_are_joined(tmp_path: Path, share: float, most_bytes: int | None) -> None:
    rows = exchange_through_files(join(share), str(tmp_path), most_bytes).compute(scheduler="sync")
    assert len(rows) == ROWS
    assert rows["y"].notna().all()


def test_many_even_rows_are_no_fault_of_a_key(tmp_path: Path) -> None:
    frame = exchange_through_files(join(0.0), str(tmp_path), most_bytes=100)
    with refused(what="in one partition; a worker has memory for", remedy="use workers with"):
        frame.compute(scheduler="sync")
