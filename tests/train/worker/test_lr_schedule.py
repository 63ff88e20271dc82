import numpy as np
import pytest

from firelib.config import Schedule
from firelib.train.worker.lr_schedule import build_schedule
from tests.errors import refused


def rates(steps, highest=0.5, **settings):
    schedule = build_schedule(highest, Schedule(**settings), steps)
    return [float(np.asarray(schedule(step))) for step in range(steps)]


def test_warmup_rises_from_the_first_step_to_the_highest_rate():
    assert rates(6, kind="constant", warmup_steps=4) == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])


def test_linear_decay():
    assert rates(4, kind="linear", final=0.2) == pytest.approx([0.5, 0.4, 0.3, 0.2])


def test_cosine_decay_after_a_warmup_is_kerass_without_one():
    expected = rates(10, kind="cosine", final=0.1)
    assert rates(13, kind="cosine", final=0.1, warmup_steps=3)[3:] == pytest.approx(expected)


def test_cosine_decay_is_half_way_in_the_middle():
    assert rates(10, kind="cosine")[5] == pytest.approx(0.25)


def test_warmup_as_long_as_the_run_is_refused():
    with refused([16], where="train.schedule.warmup_steps", remedy="train.epochs"):
        rates(16, warmup_steps=16)
