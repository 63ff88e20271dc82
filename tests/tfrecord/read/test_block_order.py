"""Blocks in the order of an epoch."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from firelib.tfrecord.read.block_order import order_blocks
from firelib.tfrecord.read.epoch_order import EpochOrder

LANES, WINDOW_BLOCKS = 16, 8


def order(count: int, seed: int = 0, lanes: int = LANES, window_blocks: int = WINDOW_BLOCKS) -> list[int]:
    return list(map(int, order_blocks(count, lanes, window_blocks, np.random.default_rng(seed))))


@given(st.integers(0, 700), st.integers(1, 20), st.integers(1, 10), st.integers(0, 3))
def test_every_block_comes_once(count: int, lanes: int, window_blocks: int, seed: int) -> None:
    assert sorted(order(count, seed, lanes, window_blocks)) == [*range(count)]


def test_seeds_give_different_orders() -> None:
    assert order(500) == order(500)
    assert len({tuple(order(count, seed)) for seed in range(5) for count in (2, 500)}) > 5


def test_every_window_has_one_block_of_each_section() -> None:
    count = 10 * LANES * WINDOW_BLOCKS
    windows = np.array(order(count)).reshape(LANES, 10, WINDOW_BLOCKS)
    for window in range(10):
        assert sorted(windows[:, window].ravel() // 10) == [*range(LANES * WINDOW_BLOCKS)]


def test_the_window_of_a_block_is_random() -> None:
    """Of 4 windows, each is that of every block about equally often."""
    count, seeds = 4 * LANES * WINDOW_BLOCKS, 400
    times = np.zeros((count, 4))
    for seed in range(seeds):
        windows = np.array(order(count, seed)).reshape(LANES, 4, WINDOW_BLOCKS)
        for window in range(4):
            times[windows[:, window].ravel(), window] += 1
    assert abs(times - seeds / 4).max() < 6 * (seeds * 3 / 16) ** 0.5


def test_batches_mix_months_as_if_rows_were_drawn_one_by_one() -> None:
    """Rows of 12 months, month after month in the file: the share of a month in a batch varies by chance alone."""
    rows, batch = 12 * 30_000, 1024
    epoch = EpochOrder(rows, batch, seed=1)
    shares = np.array(
        [np.bincount(epoch.batch(step) // 30_000, minlength=12) / batch for step in range(epoch.steps - 1)]
    )
    by_chance = (1 / 12 * 11 / 12 / batch) ** 0.5
    assert abs(shares.std(axis=0) / by_chance).mean() < 1.2
