"""How long training waits for rows from a bucket."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.launch.client.capacity.model.group import Group
from firelib.launch.client.capacity.model.network import Network
from firelib.launch.client.capacity.model.read_curve import CHUNK_BYTES, ReadCurve
from firelib.tfrecord.read.epoch_order import EpochOrder

CURVE = ReadCurve(block_rows=256, row_bytes=512, request=0.002, row=1e-6)  # a chunk has 8 blocks
ROWS = 64 * CURVE.window_rows


def group(machines=1, per_machine=1, latency=0.0, bucket=inf, machine=inf):
    return Group(machines, per_machine, 1024, Network(latency, bucket, machine))


def test_a_window_is_that_of_the_reader():
    order = EpochOrder(10**7, batch_size=1024, seed=1)
    assert CURVE.window_rows == order.window_steps * order.batch_size
    assert CURVE.chunk_blocks == 8


@pytest.mark.parametrize("machines", [1, 4])
def test_new_chunks_are_those_of_the_reader(machines):
    """Count the chunks that the windows of a real order need for the first time."""
    held, counts = set(), []
    for epoch in range(2):
        order = EpochOrder(ROWS, 1024, seed=1, epoch=epoch)
        for index in range(64):
            window = order.plan_window(index, 0, machines)
            needed = {int(start) // (8 * 256) for start in window.starts}
            counts.append(len(needed - held))
            held |= needed
    predicted = CURVE.new_chunks(2, ROWS, machines)
    assert sum(counts) == pytest.approx(predicted.sum(), rel=0.1)
    assert sum(counts[:8]) == pytest.approx(predicted[0, :8].sum(), rel=0.15)


def test_each_machine_fetches_everything_once_at_most():
    chunks = CURVE.count_chunks(ROWS)
    assert CURVE.new_chunks(2, ROWS, 1).sum(axis=1) == pytest.approx([chunks, 0])
    assert CURVE.new_chunks(1, ROWS, 4).sum() == pytest.approx(chunks / 4)
    assert CURVE.new_chunks(99, ROWS, 4).sum() == pytest.approx(chunks)
    assert CURVE.new_chunks(1, ROWS, 64).sum() == pytest.approx(chunks / 16)  # machines share lanes


def test_without_a_cache_every_epoch_fetches_every_block():
    assert CURVE.new_chunks(3, ROWS, 2, is_cached=False).sum() == pytest.approx(3 * ROWS / 256 / 2)


def test_chunks_cost_requests_bandwidth_and_one_latency():
    chunks = np.array([100.0])
    assert CURVE.fetch(chunks, group()) == pytest.approx(0.2)
    assert CURVE.fetch(chunks, group(per_machine=2)) == pytest.approx(0.1)
    assert CURVE.fetch(chunks, group(latency=0.5)) == pytest.approx(0.7)
    assert CURVE.fetch(chunks, group(machine=1e8)) == pytest.approx(0.2 + CHUNK_BYTES / 1e6)
    assert CURVE.fetch(chunks, group(machines=2, bucket=2e8)) == pytest.approx(0.2 + CHUNK_BYTES / 1e6)
    assert CURVE.fetch(np.zeros(1), group(latency=9.0)) == 0


def test_slow_training_hides_all_but_the_first_window():
    first = CURVE.fetch(CURVE.new_chunks(1, ROWS, 1), group())[0, 0]
    assert CURVE.waiting(3, ROWS, group(), window_seconds=100) == pytest.approx(first)


def test_training_without_work_waits_for_every_chunk():
    chunks = CURVE.count_chunks(ROWS)
    assert CURVE.waiting(2, ROWS, group(), window_seconds=0) == pytest.approx(chunks * 0.002)


def test_many_windows_are_computed_from_some_of_them():
    few, many = 200 * CURVE.window_rows, 200_000 * CURVE.window_rows
    small, large = (CURVE.waiting(1, rows, group(), 0.01) / rows for rows in (few, many))
    assert small == pytest.approx(large, rel=0.05)


@settings(max_examples=40)
@given(st.floats(0, 10), st.floats(0, 10), st.integers(1, 64), st.floats(0, 1))
def test_more_latency_never_reads_faster(low, high, machines, window):
    low, high = sorted((low, high))
    near, far = (CURVE.waiting(1, ROWS, group(machines, latency=each), window) for each in (low, high))
    assert near <= far


@settings(max_examples=40)
@given(st.floats(1e5, 1e12), st.floats(1e5, 1e12), st.integers(1, 64), st.floats(0, 1))
def test_more_bandwidth_never_reads_slower(narrow, wide, machines, window):
    narrow, wide = sorted((narrow, wide))
    slow, fast = (CURVE.waiting(1, ROWS, group(machines, bucket=each), window) for each in (narrow, wide))
    assert fast <= slow


def test_a_row_larger_than_a_chunk_is_a_chunk():
    assert replace(CURVE, block_rows=1, row_bytes=1e7).chunk_blocks == 1
