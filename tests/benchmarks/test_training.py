import pytest

from benchmarks.training import Steps, break_down


def test_parts_of_a_step_sum_to_the_whole():
    two = Steps(batch=100, rates=[10_000, 5_000], waited=[0.1, 0.0])  # 10 and 20 ms
    half = Steps(batch=50, rates=[10_000, 5_000], waited=[0.2, 0.5])  # 5 and 10 ms, 4 and 5 of them computing
    parts = break_down(two, half)
    assert parts.pop("a step of two workers") == pytest.approx([10, 20])
    assert parts["computing"] == pytest.approx([4, 5])
    assert parts["waiting for data"] == pytest.approx([1, 0])
    assert [sum(round_) for round_ in zip(*parts.values(), strict=True)] == pytest.approx([10, 20])
