import pytest

from firelib.train.timing import Meter


def test_first_call_is_start_up_not_a_step():
    meter = Meter(0.0)
    meter.trained(30.0, 5.0, 1, 64)
    meter.trained(0.2, 0.05, 2, 128)
    summary = meter.summary()
    assert summary["start_up_seconds"] > 0
    assert summary["steps"] == 2
    assert summary["step_p50"] == pytest.approx(0.1)
    assert summary["rows_per_second"] == pytest.approx(512)
    assert summary["data_seconds"] == pytest.approx(0.05)
    assert summary["input_share"] == pytest.approx(0.2)


def test_blocks_are_added_up_by_name():
    meter = Meter(0.0)
    for _ in range(2):
        with meter.time("checkpoint"):
            pass
    with pytest.raises(ValueError, match="x"), meter.time("validation"):
        raise ValueError("x")
    assert {"checkpoint_seconds", "validation_seconds"} <= set(meter.summary())


def test_nothing_trained_is_no_error():
    assert Meter(0.0).summary()["input_share"] == 0
