"""The order of an epoch: exact and the same for every number of workers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.errors import FirelibError
from firelib.tfrecord.order import EpochOrder

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


@given(ORDERS, st.integers(1, 9))
def test_shares_partition_the_global_batch(order: EpochOrder, world_size: int) -> None:
    for step in range(order.steps):
        shares = [order.share(step, rank, world_size) for rank in range(world_size)]
        assert sorted(np.concatenate(shares).tolist()) == sorted(order.batch(step).tolist())
        assert max(map(len, shares)) <= order.share_size(world_size)
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(ORDERS)
def test_the_order_is_a_pure_function(order: EpochOrder) -> None:
    again = EpochOrder(order.rows, order.batch_size, order.seed, order.epoch)
    for step in reversed(range(order.steps)):  # whatever was asked before
        assert (again.batch(step) == order.batch(step)).all()


@given(ORDERS.filter(lambda order: order.seed is None))
def test_without_a_seed_it_is_the_order_of_the_files(order: EpochOrder) -> None:
    assert (_epoch(order) == np.arange(order.rows)).all()


def test_seed_and_epoch_change_the_order() -> None:
    first = _epoch(EpochOrder(5000, 64, seed=1, epoch=0))
    assert (first != _epoch(EpochOrder(5000, 64, seed=1, epoch=1))).any()
    assert (first != _epoch(EpochOrder(5000, 64, seed=2, epoch=0))).any()


def test_a_full_epoch_is_well_shuffled() -> None:
    order = _epoch(EpochOrder(100_000, 512, seed=3))
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.05


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"rows": -1}, {"seed": -1}, {"epoch": -1}])
def test_impossible_arguments_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(FirelibError, match=next(iter(wrong))):
        EpochOrder(**{"rows": 10, "batch_size": 2, **wrong})


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_outside_the_world_is_refused(rank: int, world_size: int) -> None:
    with pytest.raises(FirelibError, match="rank"):
        EpochOrder(10, 2).share(0, rank, world_size)
