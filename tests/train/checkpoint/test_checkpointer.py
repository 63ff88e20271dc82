import threading

import numpy as np
import pytest

from firelib import storage
from firelib.config import Checkpoint
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.checkpointer import Checkpointer
from firelib.train.checkpoint.state import BestEpoch, TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.timing import Meter
from tests.errors import refused
from tests.full_disk import small_disk
from tests.patience import patience


def checkpointer(folder, reports=None, writes=True, **settings):
    reported = [] if reports is None else reports
    return Checkpointer(
        CheckpointStore(str(folder)), Checkpoint(**settings), writes, Meter(0), lambda *report: reported.append(report)
    )


def at(step, **more):
    return TrainingProgress(step=step, losses=[1.0] * step, **more)


def test_save_copies_the_state_at_once(tmp_path):
    saver, progress, weights = checkpointer(tmp_path), at(3), np.zeros(1000)
    saver.save([weights], progress)
    progress.step, progress.losses = 4, [0.0]
    weights += 1
    assert saver.finish() == 3
    values, loaded = serialization.load(CheckpointStore(str(tmp_path)).uri(3))
    assert not values[0].any()
    assert loaded == at(3)


def test_only_written_checkpoints_are_reported(tmp_path):
    reports = []
    saver = checkpointer(tmp_path, reports)
    for step, report in ((1, True), (2, True), (3, False), (4, True)):
        saver.save([np.zeros(3)], at(step), report)
    assert [uri and uri[-1] for _, uri in reports] == [None, "1", "3"]
    assert [metrics["step"] for metrics, _ in reports] == [1, 2, 4]


def test_other_ranks_report_and_do_not_write(tmp_path):
    reports = []
    saver = checkpointer(tmp_path, reports, writes=False)
    saver.save([np.zeros(3)], at(1), report=True)
    assert saver.finish() == 0
    assert reports == [({"step": 1.0, "loss": 1.0}, None)]
    assert not list(tmp_path.iterdir())


def test_newest_and_best_checkpoints_stay(tmp_path):
    saver = checkpointer(tmp_path, keep=1)
    for step in (1, 2, 3):
        saver.save([np.zeros(3)], at(step, best=BestEpoch(0.1, 1, 1)))
    saver.finish()
    assert CheckpointStore(str(tmp_path)).steps() == [1, 3]


def test_due_by_steps_with_several_steps_per_call(tmp_path):
    saver = checkpointer(tmp_path, every_steps=10)
    assert [saver.is_due_by_steps(before, before + 4) for before in (0, 4, 8, 12, 16)] == [
        False,
        False,
        True,
        False,
        True,
    ]
    assert not checkpointer(tmp_path).is_due_by_steps(0, 10**6)


def test_only_rank_0_is_due_by_time(tmp_path):
    assert checkpointer(tmp_path, every_seconds=1e-9).is_due_by_time
    assert not checkpointer(tmp_path, every_seconds=1e-9, writes=False).is_due_by_time
    assert not checkpointer(tmp_path, every_seconds=None).is_due_by_time
    assert not checkpointer(tmp_path, every_seconds=1e9).is_due_by_time


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_do_not_replace_a_good_checkpoint(tmp_path, value):
    saver = checkpointer(tmp_path, keep=1)
    saver.save([np.zeros(3)], at(1))
    saver.save([np.array([0, value])], at(2))
    with refused("step 2", where="step 2", remedy="train.clip_norm"):
        saver.finish()
    assert CheckpointStore(str(tmp_path)).steps() == [1]


def test_a_checkpoint_that_reads_back_differently_does_not_replace_the_one_before(tmp_path, monkeypatch):
    saver = checkpointer(tmp_path, keep=1)
    saver.save([np.zeros(3)], at(1))
    saver.finish()
    monkeypatch.setattr(storage, "read_back", lambda uri: storage.read_bytes(uri)[:-1] + b"x")
    saver.save([np.ones(3)], at(2))
    with refused(["state.npz", "progress.json"], where="step-0000000002", remedy="disk"):
        saver.finish()
    assert CheckpointStore(str(tmp_path)).steps() == [1, 2]


def test_full_disk_is_an_error_and_the_last_checkpoint_stays(tmp_path):
    with small_disk(tmp_path / "disk", 300):
        saver = checkpointer(tmp_path / "disk")
        saver.save([np.random.default_rng(0).random(20_000)], at(1))
        saver.save([np.random.default_rng(0).random(20_000)], at(2))
        with refused("disk is full"):
            saver.save([np.zeros(1)], at(3))
        assert CheckpointStore(str(tmp_path / "disk")).find_newest().step == 1


def test_save_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    """The write is blocked until the training thread continues. Without a background thread, this test would hang."""
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
