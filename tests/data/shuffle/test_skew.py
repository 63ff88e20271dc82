"""A key with so many rows that no worker can hold its partition."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from firelib.data.shuffle.exchange import exchange_through_files
from firelib.data.shuffle.skew import PartitionLimit
from tests.errors import refused

ROWS = 20_000


def join(share: float, partitions: int = 16) -> dd.DataFrame:
    """A join of two tables, one with a key that has a share of its rows."""
    shop = np.arange(ROWS)
    shop[: int(ROWS * share)] = 7
    left = dd.from_pandas(
        pd.DataFrame({"shop": np.random.default_rng(0).permutation(shop), "x": 1.0}), npartitions=partitions
    )
    right = dd.from_pandas(pd.DataFrame({"shop": np.arange(ROWS), "y": 2.0}), npartitions=partitions)
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        return left.merge(right, on="shop", broadcast=False)


def test_a_key_with_half_of_the_rows_is_named(tmp_path: Path) -> None:
    frame = exchange_through_files(join(0.5), str(tmp_path), PartitionLimit(ROWS * 24 // 4))
    with refused(
        what=["key shop = 7 has 10,000 of 20,000 rows", "in one partition"],
        where="join or group-by",
        remedy="repartition(npartitions=1)",
    ):
        frame.compute(scheduler="sync")


@pytest.mark.parametrize(("share", "most_bytes"), [(0.0, ROWS * 24 // 4), (0.5, ROWS * 24), (0.5, None)])
def test_partitions_that_fit_are_joined(tmp_path: Path, share: float, most_bytes: int | None) -> None:
    rows = exchange_through_files(join(share), str(tmp_path), most_bytes and PartitionLimit(most_bytes)).compute(
        scheduler="sync"
    )
    assert len(rows) == ROWS
    assert rows["y"].notna().all()


def test_many_even_rows_are_no_fault_of_a_key(tmp_path: Path) -> None:
    frame = exchange_through_files(join(0.0), str(tmp_path), PartitionLimit(100))
    with refused(what="in one partition; a worker has memory for", remedy="use workers with"):
        frame.compute(scheduler="sync")


def look(tasks: Sequence[Any]) -> Sequence[Any]:
    return dask.compute(*tasks, scheduler="sync")


def test_what_will_not_fit_is_refused_before_the_work_begins(tmp_path: Path) -> None:
    with refused(what=["foreseen from 8 of 64 partitions", "key shop = 7"], where="join or group-by"):
        exchange_through_files(join(0.5, 64), str(tmp_path), PartitionLimit(ROWS * 24 // 4, look))
    assert not list(tmp_path.iterdir())


def test_what_a_few_partitions_have_is_not_foreseen_of_all(tmp_path: Path) -> None:
    """The keys are sorted: the rows of each input partition belong to another output partition."""
    rows = pd.DataFrame({"shop": np.repeat(np.arange(64), 100), "x": 1.0})
    left, right = (dd.from_pandas(frame, npartitions=64, sort=False) for frame in (rows, rows.drop_duplicates()))
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        joined = left.merge(right, on="shop", broadcast=False)
    limit = PartitionLimit(100 * 24 * 8, look)
    assert len(exchange_through_files(joined, str(tmp_path), limit).compute(scheduler="sync")) == len(rows)


def test_a_key_of_most_partitions_is_not_foreseen_of_all(tmp_path: Path) -> None:
    """A column that did not exist in the first part of a table in the order of time."""
    rows = pd.DataFrame({"shop": np.arange(64 * 100), "x": 1.0})
    rows.loc[: int(len(rows) * 0.6), "shop"] = 7
    left = dd.from_pandas(rows, npartitions=64, sort=False)
    right = dd.from_pandas(rows.drop_duplicates("shop"), npartitions=64, sort=False)
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        joined = left.merge(right, on="shop", broadcast=False)
    limit = PartitionLimit(int(len(rows) * 0.6 * 24 / 0.9), look)
    assert len(exchange_through_files(joined, str(tmp_path), limit).compute(scheduler="sync")) == len(rows)


def test_a_shuffle_of_shuffled_rows_is_not_looked_at(tmp_path: Path) -> None:
    """The other shuffle would have to run twice."""
    looks = []
    limit = PartitionLimit(ROWS * 1000, lambda tasks: looks.append(len(tasks)) or look(tasks))
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        twice = join(0.0, 64).shuffle("x")
        assert len(exchange_through_files(twice, str(tmp_path), limit).compute(scheduler="sync")) == ROWS
    assert looks == [8, 8]  # both sides of the join
