"""The shuffle through files: the same rows as Dask's own, with tasks in proportion to the partitions."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.data.shuffle.exchange import exchange_through_files
from tests.examples import examples

Transform = Callable[[Any, Any], Any]


def join(left: Any, right: Any) -> Any:
    return left.merge(right, how="left", on="key", broadcast=False)


def group(left: Any, right: Any) -> Any:
    del right
    return left.groupby("key", sort=False).agg({"number": "sum", "word": "count"}, split_out=3).reset_index()


def group_and_join(left: Any, right: Any) -> Any:
    return join(join(left, right), group(left, right).rename(columns={"number": "total", "word": "words"}))


def join_by_word(left: Any, right: Any) -> Any:
    return left.merge(right, how="inner", left_on="word", right_on="name", broadcast=False)


def drop_repeated(left: Any, right: Any) -> Any:
    del right
    return left[["key", "word"]].drop_duplicates(split_out=3)


def shuffle_without_index(left: Any, right: Any) -> Any:
    del right
    return left.shuffle("key", ignore_index=True)


def sort_rows(left: Any, right: Any) -> Any:
    del right
    return left.sort_values("number", ascending=False)


TRANSFORMS = (join, group, group_and_join, join_by_word, drop_repeated, shuffle_without_index, sort_rows)


def make_frames(rows: int, skew: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table with `rows` rows whose key is one of `skew`, and one with a row for each key."""
    random = np.random.default_rng(rows)
    words = pd.array(random.choice(["a", "é", "", None], rows), "str")
    left = pd.DataFrame({"key": random.integers(0, skew, rows), "number": np.arange(rows), "word": words})
    right = pd.DataFrame({"key": np.arange(20), "name": pd.array(["a", "é"] * 10, "str"), "city": ["x", None] * 10})
    return left, right


def build(transform: Transform, frames: tuple[pd.DataFrame, pd.DataFrame], partitions: int) -> Any:
    left, right = (dd.from_pandas(frame, npartitions=partitions, sort=False) for frame in frames)
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        return transform(left, right)


def sort(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(list(frame.columns), ignore_index=True)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("partitions", [2, 9])
def test_rows_and_their_order_are_those_of_dasks_own_shuffle(
    tmp_path: Path, transform: Transform, partitions: int
) -> None:
    frame = build(transform, make_frames(500, 20), partitions)
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        expected = frame.compute(scheduler="sync")
        actual = exchange_through_files(frame, str(tmp_path)).compute(scheduler="sync")
    pd.testing.assert_frame_equal(actual.reset_index(drop=True), expected.reset_index(drop=True))
    assert list(tmp_path.iterdir())


@examples(8)
@given(st.sampled_from(TRANSFORMS), st.integers(0, 60), st.integers(1, 20), st.integers(1, 9))
def test_partitions_do_not_change_the_rows(transform: Transform, rows: int, skew: int, partitions: int) -> None:
    frames = make_frames(rows, skew)
    with tempfile.TemporaryDirectory() as folder, dask.config.set({"dataframe.shuffle.method": "tasks"}):
        results = [
            exchange_through_files(build(transform, frames, count), folder).compute(scheduler="sync")
            for count in (1, partitions)
        ]
    pd.testing.assert_frame_equal(sort(results[1]), sort(results[0]))


def number_words(rows: pd.DataFrame) -> pd.DataFrame:
    """Words as categories in the order in which the partition has them."""
    words = rows["word"].astype(object)
    return rows.assign(word=pd.Categorical(words, categories=words.dropna().unique()))


def test_partitions_may_order_categories_differently(tmp_path: Path) -> None:
    """Each partition has its own codes for the words."""
    frame = pd.DataFrame({"key": range(8), "word": pd.array([*"abba", *"baab"], "str")})
    partitions = dd.from_pandas(frame, npartitions=2).map_partitions(number_words)
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        shuffled = exchange_through_files(partitions.shuffle("key"), str(tmp_path)).compute(scheduler="sync")
    words = shuffled.set_index("key")["word"].sort_index().astype(str)
    assert words.tolist() == frame["word"].tolist()


def test_the_number_of_tasks_is_linear_in_the_number_of_partitions(tmp_path: Path) -> None:
    frames = make_frames(1000, 20)
    with dask.config.set({"dataframe.shuffle.method": "tasks"}):
        tasks = {
            count: len(exchange_through_files(build(group_and_join, frames, count), str(tmp_path)).__dask_graph__())
            for count in (10, 40)
        }
    assert tasks[40] <= 4 * tasks[10]
