"""The order of an epoch: exact and the same for every number of workers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.tfrecord.read.epoch_order import EpochOrder
from tests.errors import refused

ORDERS = st.builds(
    EpochOrder,
    rows=st.integers(0, 3000),
    batch_size=st.integers(1, 700),
    seed=st.none() | st.integers(0, 2**31 - 1),
    epoch=st.integers(0, 5),
)


def _epoch(order: EpochOrder) -> np.ndarray:
    batches = [order.batch(step) for step in range(order.steps)]
    return np.concatenate(batches) if batches else np.empty(0, np.int64)


@given(ORDERS)
def test_every_row_comes_once_an_epoch(order: EpochOrder) -> None:
    assert sorted(_epoch(order).tolist()) == list(range(order.rows))


@given(ORDERS)
def test_only_the_last_batch_is_short(order: EpochOrder) -> None:
    sizes = [len(order.batch(step)) for step in range(order.steps)]
    assert all(size == order.batch_size for size in sizes[:-1])
    assert order.steps == -(-order.rows // order.batch_size)
    assert sizes == [order.batch_rows(step) for step in range(order.steps)]


@given(ORDERS, st.integers(1, 9))
def test_shares_partition_the_global_batch(order: EpochOrder, world_size: int) -> None:
    steps = range(order.steps)  # the inner loop, since only eight windows are cached
    batches = [order.batch(step) for step in steps]
    ranks = [[order.share(step, rank, world_size) for step in steps] for rank in range(world_size)]
    for batch, *shares in zip(batches, *ranks, strict=True):
        assert sorted(np.concatenate(shares).tolist()) == sorted(batch.tolist())
        assert max(map(len, shares)) <= order.share_size(world_size)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(ORDERS)
def test_the_order_is_a_pure_function(order: EpochOrder) -> None:
    again = EpochOrder(order.rows, order.batch_size, order.seed, order.epoch)
    for step in reversed(range(order.steps)):  # independent of earlier calls
        assert (again.batch(step) == order.batch(step)).all()


@given(ORDERS.filter(lambda order: order.seed is None))
def test_without_a_seed_rows_keep_the_order_of_the_files(order: EpochOrder) -> None:
    assert (_epoch(order) == np.arange(order.rows)).all()


def test_seed_and_epoch_change_the_order() -> None:
    first = _epoch(EpochOrder(5000, 64, seed=1, epoch=0))
    assert (first != _epoch(EpochOrder(5000, 64, seed=1, epoch=1))).any()
    assert (first != _epoch(EpochOrder(5000, 64, seed=2, epoch=0))).any()


def test_a_full_epoch_is_well_shuffled() -> None:
    order = _epoch(EpochOrder(100_000, 512, seed=3))
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.05


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"rows": -1}, {"seed": -1}, {"epoch": -1}])
def test_invalid_arguments_are_refused(wrong: dict[str, int]) -> None:
    with refused(what=[f"{name}={value}" for name, value in wrong.items()]):
        EpochOrder(**{"rows": 10, "batch_size": 2, **wrong})


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_outside_the_world_is_refused(rank: int, world_size: int) -> None:
    with refused(what=[("rank", rank, world_size)]):
        EpochOrder(10, 2).share(0, rank, world_size)


@pytest.mark.parametrize("rank", [0, 3])
def test_a_rank_reads_few_blocks_of_its_own(rank: int) -> None:
    order = EpochOrder(200_000, 512, seed=3)
    mine = [order.share(step, rank, 4) for step in range(order.steps)]
    assert len(np.unique(np.concatenate(mine) // order.block_rows)) < 1.05 * 200_000 / order.block_rows / 4 + 8
    window = np.concatenate(mine[: order.window_steps])
    assert len(np.unique(window // order.block_rows)) < 60  # 32,768 rows of 4 ranks, in blocks of 256: 32, and edges


def test_shuffling_is_no_worse_than_a_buffer_of_ten_thousand() -> None:
    rows = 100_000
    order = _epoch(EpochOrder(rows, 512, seed=3))
    buffered = _buffer_shuffle(rows, 10_000)
    assert _rank_correlation(order) < 0.1 * _rank_correlation(buffered)
    assert _spread_of_batches(order) > 0.9 * _spread_of_batches(np.random.default_rng(0).permutation(rows))
    assert _spread_of_batches(order) > _spread_of_batches(buffered)


def _buffer_shuffle(rows: int, size: int) -> np.ndarray:
    """The order of `tf.data.Dataset.shuffle`."""
    random, buffer, out = np.random.default_rng(0), list(range(size)), []
    for row in range(size, rows):
        index = random.integers(size)
        out.append(buffer[index])
        buffer[index] = row
    return np.array(out + random.permutation(buffer).tolist())


def _rank_correlation(order: np.ndarray) -> float:
    return abs(float(np.corrcoef(order, np.arange(len(order)))[0, 1]))


def _spread_of_batches(order: np.ndarray) -> float:
    """Mean standard deviation of the row numbers in a batch of 500."""
    return float(order[: len(order) // 500 * 500].reshape(-1, 500).std(axis=1).mean())
