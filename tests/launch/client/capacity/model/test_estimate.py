"""Predictions for a fleet: seconds, bottleneck, memory, preemptions."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.gcp.machine_types import machines
from firelib.launch.client.capacity.model.estimate import estimate
from firelib.launch.client.capacity.model.network import Network
from firelib.launch.client.capacity.model.workload import Fleet
from tests.launch.client.capacity.samples import FIGURES, STEPS, WORK

FAST = Network(0.0, inf)


def fleet(machine="n1-standard-8", count=1, network=FAST, **more):
    return Fleet(machines()[machine], count, network, **more)


def stage(found, name):
    return next(each for each in found.stages if each.stage == name)


def test_a_machine_is_predicted_by_hand():
    found = estimate(FIGURES, WORK, fleet())
    assert stage(found, "extract").seconds == pytest.approx(2 + 100)
    assert stage(found, "transform").seconds == pytest.approx(10 + 1e8 * 5e-6 / 8)
    workers = found.workers
    step = STEPS.seconds(1024, workers) + 1e-6 * 1024 / workers
    validation = 2 * 1e7 * 1e-5 / 3 / workers
    assert stage(found, "train").seconds == pytest.approx(30 + 2 * 78125 * step + validation + 20)
    assert found.seconds == sum(each.seconds for each in found.stages)


def test_the_fastest_number_of_workers_is_chosen():
    found = estimate(FIGURES, WORK, fleet("n1-standard-96"))
    assert found.workers == min((1, 2, 4, 8, 16, 32, 64, 81), key=lambda count: STEPS.seconds(1024, count))
    assert stage(found, "train").bottleneck == "all-reduce"


def test_one_worker_per_machine_is_limited_by_cores():
    found = estimate(FIGURES, replace(WORK, batch_rows=10**6), fleet("n1-standard-4"))
    assert stage(found, "train").bottleneck == "cores"
    assert stage(found, "transform").bottleneck == "cores"
    assert stage(found, "extract").bottleneck == "one process"


def test_a_narrow_bucket_limits_all_stages():
    found = estimate(FIGURES, WORK, fleet(network=Network(0.02, bucket_bytes=1e6)))
    assert [each.bottleneck for each in found.stages] == ["network", "network", "input"]
    assert stage(found, "transform").seconds == pytest.approx(10 + 3 * 1e8 * 500 / 1e6)


def test_few_rows_are_limited_by_the_start():
    found = estimate(FIGURES, replace(WORK, rows=10_000), fleet())
    assert stage(found, "train").bottleneck == "start"


def test_little_memory_runs_fewer_tasks():
    lean, rich = machines()["n1-highcpu-96"], machines()["n1-standard-96"]
    tight = replace(lean, memory_gib=8)
    found = [estimate(FIGURES, WORK, Fleet(machine, 1, FAST)) for machine in (tight, rich)]
    assert stage(found[0], "transform").bottleneck == "memory"
    assert stage(found[0], "transform").seconds > stage(found[1], "transform").seconds
    assert found[0].memory_gib <= 8


def test_a_machine_without_room_for_a_worker_is_none():
    small = replace(machines()["e2-standard-2"], memory_gib=2)
    assert estimate(FIGURES, WORK, Fleet(small, 1, FAST)) is None
    assert estimate(FIGURES, replace(WORK, cpus_per_worker=4), fleet("e2-standard-2")) is None


def test_preemptions_cost_time_and_more_of_them_on_more_machines():
    calm, rough = estimate(FIGURES, WORK, fleet(count=4)), estimate(FIGURES, WORK, fleet(count=4, losses_per_hour=0.5))
    assert rough.seconds > calm.seconds
    one = estimate(FIGURES, WORK, fleet(count=1, losses_per_hour=0.5))
    assert stage(rough, "train").seconds / stage(calm, "train").seconds > 1
    assert stage(one, "extract").seconds == stage(rough, "extract").seconds  # it runs on one machine anyway


def test_the_cost_is_the_price_of_that_time():
    found = estimate(FIGURES, WORK, fleet(hourly=3.0))
    assert found.cost == pytest.approx(3.0 * found.seconds / 3600)
    assert estimate(FIGURES, WORK, fleet()).cost is None


def test_a_simulation_is_never_more_optimistic():
    jittery = replace(FIGURES, training=replace(FIGURES.training, steps=replace(STEPS, spread=0.3)))
    network = Network(0.02, 1e8)
    for count in (1, 4, 64):
        plain = estimate(jittery, WORK, fleet(count=count, network=network))
        assert estimate(jittery, WORK, fleet(count=count, network=network), simulate=True).seconds >= plain.seconds


@settings(max_examples=40)
@given(st.floats(1e4, 1e10), st.floats(1e4, 1e10), st.integers(1, 64))
def test_more_rows_never_take_less_time(few, many, count):
    few, many = sorted((few, many))
    first, second = (estimate(FIGURES, replace(WORK, rows=rows), fleet(count=count)) for rows in (few, many))
    assert first.seconds <= second.seconds


@settings(max_examples=40)
@given(st.sampled_from([2**power for power in range(8)]), st.floats(1e5, 1e10))
def test_more_machines_never_take_more_time(count, rows):
    work = replace(WORK, rows=rows)
    assert (
        estimate(FIGURES, work, fleet(count=2 * count)).seconds <= estimate(FIGURES, work, fleet(count=count)).seconds
    )


@settings(max_examples=40)
@given(st.floats(0, 5), st.floats(0, 5), st.floats(1e5, 1e11))
def test_a_worse_bucket_never_takes_less_time(low, high, bandwidth):
    low, high = sorted((low, high))
    near, far = (estimate(FIGURES, WORK, fleet(count=4, network=Network(each, bandwidth))) for each in (low, high))
    assert near.seconds <= far.seconds * (1 + 1e-9)
