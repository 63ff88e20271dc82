import threading

import numpy as np
import pytest

from firelib.config import Checkpoint
from firelib.errors import FirelibError
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.checkpointer import Checkpointer
from firelib.train.checkpoint.state import Best, TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.timing import Meter
from tests.full_disk import small_disk
from tests.patience import patience


def checkpointer(folder, reports=None, writes=True, **settings):
    reported = [] if reports is None else reports
    return Checkpointer(
        CheckpointStore(str(folder)), Checkpoint(**settings), writes, Meter(0), lambda *word: reported.append(word)
    )


def at(step, **more):
    return TrainingProgress(step=step, losses=[1.0] * step, **more)


def test_state_of_the_moment_is_saved(tmp_path):
    saver, progress, weights = checkpointer(tmp_path), at(3), np.zeros(1000)
    saver.save([weights], progress)
    progress.step, progress.losses = 4, [0.0]
    weights += 1
    assert saver.finish() == 3
    values, loaded = serialization.load(CheckpointStore(str(tmp_path)).uri(3))
    assert not values[0].any()
    assert loaded == at(3)


def test_what_is_told_is_safe(tmp_path):
    reports = []
    saver = checkpointer(tmp_path, reports)
    for step, tell in ((1, True), (2, True), (3, False), (4, True)):
        saver.save([np.zeros(3)], at(step), tell)
    assert [uri and uri[-1] for _, uri in reports] == [None, "1", "3"]
    assert [metrics["step"] for metrics, _ in reports] == [1, 2, 4]


def test_other_ranks_report_and_do_not_write(tmp_path):
    reports = []
    saver = checkpointer(tmp_path, reports, writes=False)
    saver.save([np.zeros(3)], at(1), tell=True)
    assert saver.finish() == 0
    assert reports == [({"step": 1.0, "loss": 1.0}, None)]
    assert not list(tmp_path.iterdir())


def test_newest_and_best_are_kept(tmp_path):
    saver = checkpointer(tmp_path, keep=1)
    for step in (1, 2, 3):
        saver.save([np.zeros(3)], at(step, best=Best(0.1, 1, 1)))
    saver.finish()
    assert CheckpointStore(str(tmp_path)).steps() == [1, 3]


def test_steps_are_counted_over_calls_of_several_steps(tmp_path):
    saver = checkpointer(tmp_path, every_steps=10)
    assert [saver.is_due_by_steps(before, before + 4) for before in (0, 4, 8, 12, 16)] == [
        False,
        False,
        True,
        False,
        True,
    ]
    assert not checkpointer(tmp_path).is_due_by_steps(0, 10**6)


def test_only_rank_0_looks_at_the_clock(tmp_path):
    assert checkpointer(tmp_path, every_seconds=1e-9).is_due_by_time
    assert not checkpointer(tmp_path, every_seconds=1e-9, writes=False).is_due_by_time
    assert not checkpointer(tmp_path, every_seconds=None).is_due_by_time
    assert not checkpointer(tmp_path, every_seconds=1e9).is_due_by_time


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_do_not_replace_a_good_checkpoint(tmp_path, value):
    saver = checkpointer(tmp_path, keep=1)
    saver.save([np.zeros(3)], at(1))
    saver.save([np.array([0, value])], at(2))
    with pytest.raises(FirelibError) as caught:
        saver.finish()
    assert "step 2" in caught.value.what
    assert "train.clip_norm" in caught.value.remedy
    assert CheckpointStore(str(tmp_path)).steps() == [1]


def test_full_disk_surfaces_and_the_last_checkpoint_stays(tmp_path):
    with small_disk(tmp_path / "disk", 300):
        saver = checkpointer(tmp_path / "disk")
        saver.save([np.random.default_rng(0).random(20_000)], at(1))
        saver.save([np.random.default_rng(0).random(20_000)], at(2))
        with pytest.raises(FirelibError) as caught:
            saver.save([np.zeros(1)], at(3))
        assert "disk is full" in caught.value.what
        assert CheckpointStore(str(tmp_path / "disk")).newest().step == 1


def test_training_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    """The write is held back until the training thread has gone on: were it not in a thread, this would not end."""
    go_on, save = threading.Event(), serialization.save

    def slow(*args):
        assert go_on.wait(patience(60))
        save(*args)

    monkeypatch.setattr(serialization, "save", slow)
    saver = checkpointer(tmp_path)
    saver.save([np.zeros(3)], at(1))
    assert saver.poll() == 0
    go_on.set()
    assert saver.finish() == 1
