import pytest

from firelib.train.timing import Meter


def test_first_call_counts_as_start_up_not_as_a_step():
    meter = Meter(0.0)
    meter.record_steps(30.0, 5.0, 1, 64)
    meter.record_steps(0.2, 0.05, 2, 128)
    summary = meter.summary()
    assert summary["start_up_seconds"] > 0
    assert summary["steps"] == 2
    assert summary["step_p50"] == pytest.approx(0.1)
    assert summary["rows_per_second"] == pytest.approx(512)
    assert summary["data_seconds"] == pytest.approx(0.05)
    assert summary["input_share"] == pytest.approx(0.2)


def test_blocks_add_up_by_activity():
    meter = Meter(0.0)
    for _ in range(2):
        with meter.time("checkpoint"):
            pass
    with pytest.raises(ValueError, match="x"), meter.time("validation"):
        raise ValueError("x")
    assert {"checkpoint_seconds", "validation_seconds"} <= set(meter.summary())


def test_summary_before_the_first_step():
    assert Meter(0.0).summary()["input_share"] == 0
