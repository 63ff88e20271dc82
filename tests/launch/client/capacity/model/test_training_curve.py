"""Curves of a training step: the workers' share of a batch, stragglers, the all-reduce."""

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib.launch.client.capacity.defaults import default_steps, read_defaults
from firelib.launch.client.capacity.model.network import MACHINE_HOP, AllReduce, Network
from firelib.launch.client.capacity.model.training_curve import StepCurve, StepSample, fit_step, slowest_of

USUAL = StepCurve(0.002, 0, 0.1, 400_000, AllReduce(0.0015, 1e9))


def test_a_ring_sends_two_messages_for_each_other_worker():
    ring = AllReduce(hop=0.001, bytes_per_second=1e9)
    assert ring.seconds(1, 1e6) == 0
    assert ring.seconds(2, 1e6) == pytest.approx(2 * 0.001 + 1e-3)
    assert ring.seconds(4, 1e6) == pytest.approx(6 * 0.001 + 1.5e-3)


def test_a_ring_over_machines_is_as_slow_as_their_network():
    ring, slow = AllReduce(hop=0.001, bytes_per_second=1e9), Network(0, inf, machine_bytes=1e8)
    assert ring.seconds(2, 1e6, 2, slow) == pytest.approx(2 * (0.001 + MACHINE_HOP) + 1e-2)
    assert ring.seconds(2, 1e6, 1, slow) == ring.seconds(2, 1e6)


def test_two_sizes_of_a_share_give_the_fixed_seconds_of_a_step():
    found = fit_step([StepSample(1, 1024, 0.012), StepSample(1, 512, 0.007)], USUAL)
    assert (found.fixed, found.per_row) == pytest.approx((0.002, 0.01 / 1024))
    assert found.all_reduce == USUAL.all_reduce


@pytest.mark.parametrize(("batch", "seconds"), [(1000, 0.0121), (512, 0.0125)])
def test_rows_of_a_step_are_never_free(batch, seconds):
    """A smaller batch that took longer: noise."""
    found = fit_step([StepSample(1, 1024, 0.012), StepSample(1, batch, seconds)], USUAL)
    assert found.fixed == USUAL.fixed
    assert found.per_row >= 0.01 / 1024


def test_the_measurement_of_a_group_is_met():
    samples = [StepSample(1, 1024, 0.012), StepSample(1, 512, 0.007), StepSample(2, 1024, 0.011)]
    found = fit_step(samples, USUAL)
    assert found.seconds(1024, 2) == pytest.approx(0.011)
    assert found.most_workers == 2


def test_a_group_alone_is_met_with_the_usual_exchange():
    found = fit_step([StepSample(2, 1024, 0.02)], USUAL)
    assert found.seconds(1024, 2) == pytest.approx(0.02)


def test_a_group_faster_than_its_workers_needs_no_exchange():
    samples = [StepSample(1, 1024, 0.012), StepSample(1, 512, 0.007), StepSample(2, 1024, 0.001)]
    assert fit_step(samples, USUAL).all_reduce.hop == 0


def test_the_slowest_of_several_is_what_draws_give():
    draws = np.random.default_rng(0).lognormal(0, 0.2, (20_000, 16)).max(axis=1)
    assert slowest_of(16, 0.2) == pytest.approx(draws.mean(), rel=0.03)
    assert slowest_of(1, 0.2) == pytest.approx(1)


@pytest.mark.parametrize("recipe", ["flights", "fashion_mnist"])
def test_two_workers_are_predicted_from_one_and_another_model(recipe):
    """The benchmarks' own figures: one worker of this recipe, and the all-reduce of the other."""
    raw = read_defaults()["training"]
    other = default_steps(next(name for name in raw if name != recipe))
    batch, measured = raw[recipe]["batch_rows"], raw[recipe]
    alone = [StepSample(1, batch, batch / measured["one"]), StepSample(1, batch / 2, batch / 2 / measured["half"])]
    usual = StepCurve(0, 0, other.spread, measured["weights_bytes"], other.all_reduce)
    assert batch / fit_step(alone, usual).seconds(batch, 2) == pytest.approx(measured["two"], rel=0.15)


@given(st.floats(1, 1e6), st.floats(1, 1e6), st.integers(1, 512))
def test_larger_batches_never_take_less_time(small, large, workers):
    small, large = sorted((small, large))
    curve = default_steps("flights")
    assert curve.seconds(small, workers) <= curve.seconds(large, workers)


@given(st.integers(1, 512), st.integers(1, 512))
def test_a_larger_group_computes_less_and_exchanges_more(few, many):
    few, many = sorted((few, many))
    curve = default_steps("fashion_mnist")
    assert curve.compute(256, many) <= curve.compute(256, few)
    assert curve.exchange(few) <= curve.exchange(many)
