"""The two metrics on orders whose metrics are known."""

import numpy as np
import pytest

from benchmarks.shuffle_quality import buffered, correlation, distance, ours

ROWS = 5000


def test_order_of_the_file() -> None:
    order = np.arange(ROWS)
    assert correlation(order) == pytest.approx(1)
    assert correlation(order[::-1]) == pytest.approx(-1)
    assert distance(order) == pytest.approx(3 / ROWS)


def test_full_permutation() -> None:
    order = np.random.default_rng(0).permutation(ROWS)
    assert abs(correlation(order)) < 0.05
    assert distance(order) == pytest.approx(1, abs=0.05)


def test_both_orders_contain_every_row_once() -> None:
    for order in (ours(ROWS, 64, 1), buffered(ROWS, 100, 1)):
        assert sorted(order.tolist()) == list(range(ROWS))
    assert correlation(buffered(ROWS, 100, 1)) > 0.99
