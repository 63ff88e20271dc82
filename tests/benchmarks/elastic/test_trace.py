import numpy as np
import pytest

from benchmarks.elastic.trace import Change, Law, possible_steps, sample_trace

LONG = Law(hours=2_000, lifetime=2, outage=0.5, seed=1)


def test_same_law_gives_the_same_trace():
    assert sample_trace(LONG, 2, 1) == sample_trace(LONG, 2, 1)


def test_scale_only_divides_the_times():
    slow, fast = sample_trace(LONG, 2, 1), sample_trace(LONG, 2, 60)
    assert [change.time for change in fast] == pytest.approx([change.time / 60 for change in slow])
    assert [(change.node, change.is_up) for change in fast] == [(change.node, change.is_up) for change in slow]


def test_some_node_is_always_up_and_each_one_comes_and_goes():
    up = {0, 1}
    for change in sample_trace(LONG, 2, 1):
        assert (change.node in up) != change.is_up
        up = up | {change.node} if change.is_up else up - {change.node}
        assert up


def test_outages_have_the_mean_of_the_law():
    gone, outages = {}, []
    for change in sample_trace(LONG, 2, 1):
        if change.is_up:
            outages.append(change.time - gone.pop(change.node))
        else:
            gone[change.node] = change.time
    assert np.mean(outages) / 3600 == pytest.approx(0.5, rel=0.15)


def test_possible_steps_follow_the_nodes_that_are_up():
    changes = [Change(10, 1, False), Change(30, 1, True)]
    assert possible_steps(changes, 2, 40, {2: 0.5, 1: 1.0}) == pytest.approx(10 / 0.5 + 20 / 1.0 + 10 / 0.5)
