"""A training of many workers that share a bucket, simulated."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.launch.client.capacity.model.group import Group
from firelib.launch.client.capacity.model.network import AllReduce, Network
from firelib.launch.client.capacity.model.read_curve import CHUNK_BYTES, ReadCurve
from firelib.launch.client.capacity.model.simulation import queue, simulate_step
from firelib.launch.client.capacity.model.training_curve import StepCurve

STEPS = StepCurve(0.002, 1e-5, 0.1, 200_000, AllReduce(0.0005, 1e9))
EVEN = StepCurve(0.002, 1e-5, 0.0, 200_000, AllReduce(0.0005, 1e9))
READING = ReadCurve(256, 500, 0.0, 0.0)


FAST = Network(0, inf)


def group(machines=1, per_machine=1, network=FAST):
    return Group(machines, per_machine, 1024, network)


def test_without_noise_and_waiting_a_step_is_that_of_the_formula():
    assert simulate_step(group(), EVEN, READING) == pytest.approx(EVEN.seconds(1024, 1))
    assert simulate_step(group(2, 4), EVEN, READING) == pytest.approx(EVEN.seconds(1024, 8, 2, FAST))


@pytest.mark.parametrize("machines", [1, 4, 64])
def test_stragglers_cost_what_the_formula_says(machines):
    simulated = simulate_step(group(machines, 4), STEPS, READING)
    assert simulated == pytest.approx(STEPS.seconds(1024, 4 * machines, machines, FAST), rel=0.05)


def test_a_narrow_bucket_is_the_limit_of_hundreds_of_workers():
    network = Network(0.02, bucket_bytes=1e8)
    simulated = simulate_step(group(64, 4, network), STEPS, READING, chunks=128)
    assert simulated == pytest.approx(64 * 128 * CHUNK_BYTES / 1e8 / 32, rel=0.05)  # a window has 32 steps


def test_cached_rows_need_no_bucket():
    network = Network(5.0, bucket_bytes=1.0)
    assert simulate_step(group(2, 2, network), EVEN, READING) == pytest.approx(EVEN.seconds(1024, 4, 2, network))


def test_latency_hides_behind_computing_until_it_is_longer():
    computing = EVEN.seconds(1024, 1) * READING.window_rows / 1024
    hidden = simulate_step(group(network=Network(0.01 * computing, inf)), EVEN, READING, chunks=1)
    shown = simulate_step(group(network=Network(4 * computing, inf)), EVEN, READING, chunks=1)
    assert hidden == pytest.approx(EVEN.seconds(1024, 1))
    assert shown > 3 * hidden


def test_a_batch_of_several_windows_waits_for_all_of_them():
    network = Network(0, bucket_bytes=1e6)  # so slow that it is all that counts
    batches = (READING.window_rows, 4 * READING.window_rows)
    one, four = (simulate_step(Group(1, 1, rows, network), EVEN, READING, chunks=8) for rows in batches)
    assert one == pytest.approx(8 * CHUNK_BYTES / 1e6)
    assert four == pytest.approx(4 * one)


def test_the_same_seed_gives_the_same_seconds():
    network = Network(0.02, 1e8)
    first, second, other = (simulate_step(group(8, 4, network), STEPS, READING, 9, seed=seed) for seed in (1, 1, 2))
    assert first == second != other


def test_a_queue_serves_in_the_order_of_arrival():
    assert queue(np.array([5.0, 0.0, 0.5]), 1.0).tolist() == [6.0, 1.0, 2.0]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30), st.floats(0, 10))
def test_a_queue_is_what_a_loop_gives(ready, service):
    free, expected = 0.0, {}
    for index in sorted(range(len(ready)), key=lambda index: ready[index]):
        free = expected[index] = max(free, ready[index]) + service
    assert queue(np.array(ready), service).tolist() == pytest.approx([expected[index] for index in range(len(ready))])


@settings(max_examples=30)
@given(st.integers(1, 64), st.integers(1, 64))
def test_a_slower_bucket_never_speeds_training_up(few, many):
    few, many = sorted((few, many))
    wide, narrow = (Network(0.02, 1e9 / factor) for factor in (few, many))
    fast, slow = (simulate_step(group(4, 4, network), STEPS, READING, chunks=50) for network in (wide, narrow))
    assert fast <= slow + 1e-9
