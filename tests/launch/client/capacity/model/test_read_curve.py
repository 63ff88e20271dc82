"""How long workers wait for rows from a bucket."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.launch.client.capacity.model.network import Network
from firelib.launch.client.capacity.model.read_curve import ReadCurve, missing_share
from firelib.tfrecord.read.epoch_order import EpochOrder

CURVE = ReadCurve(block_rows=256, row_bytes=500, request=0.001, row=1e-6)
LOCAL = Network(0, inf)


def test_a_window_is_that_of_the_reader():
    order = EpochOrder(10**7, batch_size=1024, seed=1)
    assert CURVE.window_rows == order.window_steps * order.batch_size


@pytest.mark.parametrize("workers", [1, 2, 3, 8, 16])
def test_requests_are_those_of_the_reader(workers):
    order = EpochOrder(10**7, batch_size=1024, seed=1)
    needed = max(len(order.plan_window(3, rank, workers).starts) for rank in range(workers))
    assert CURVE.requests(workers) * 0.8 <= needed <= CURVE.requests(workers)


def test_latency_counts_once_for_requests_at_the_same_time():
    slow = Network(0.5, inf)
    assert CURVE.fetch(4, 1, slow) - CURVE.fetch(4, 1, LOCAL) == pytest.approx(0.5)
    assert CURVE.fetch(1, 1, slow) - CURVE.fetch(1, 1, LOCAL) == pytest.approx(1.0)  # 144 requests, 100 at a time


def test_all_workers_share_the_bucket():
    narrow = Network(0, bucket_bytes=1e6)
    assert CURVE.fetch(2, 2, narrow) - CURVE.fetch(2, 2, LOCAL) == pytest.approx(CURVE.window_rows * 500 / 1e6)


def test_workers_of_a_machine_share_its_network():
    narrow = Network(0, inf, machine_bytes=1e6)
    one, two = (CURVE.fetch(4, machines, narrow) - CURVE.fetch(4, machines, LOCAL) for machines in (1, 2))
    assert one == pytest.approx(2 * two)


def test_decoding_hides_a_fast_fetch():
    decoding = replace(CURVE, row=1.0)
    assert decoding.window(1, 1, LOCAL) == decoding.window_rows


def test_a_cache_fills_at_once_on_one_machine_and_slowly_on_several():
    assert [missing_share(epoch, 1, True) for epoch in range(3)] == [1, 0, 0]
    assert [missing_share(epoch, 2, True) for epoch in range(3)] == [1, 0.5, 0.25]
    assert missing_share(9, 2, False) == 1


@given(st.floats(0, 10), st.floats(0, 10), st.integers(1, 256))
def test_more_latency_never_reads_faster(low, high, workers):
    low, high = sorted((low, high))
    assert CURVE.window(workers, 1, Network(low, 1e9)) <= CURVE.window(workers, 1, Network(high, 1e9))


@given(st.floats(1e3, 1e12), st.floats(1e3, 1e12), st.integers(1, 256))
def test_more_bandwidth_never_reads_slower(narrow, wide, workers):
    narrow, wide = sorted((narrow, wide))
    assert CURVE.window(workers, 1, Network(0, wide)) <= CURVE.window(workers, 1, Network(0, narrow))
