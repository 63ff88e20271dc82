"""The decision to restart, with a fake worker group: no Ray, no TensorFlow."""

import numpy as np
import pytest

from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.checkpoint.serialization import save
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.driver import restart, world_size
from firelib.train.driver.growth import SLOT_SECONDS
from firelib.train.driver.resources import WorkerResources
from firelib.train.driver.restart import remove_torn_checkpoints, run_until_finished
from firelib.train.driver.train_stage import build_run_spec
from firelib.train.driver.worker_group import MoreSlotsError, WorkerLostError
from tests.errors import refused
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy
from tests.train.unlimited_slots import UnlimitedSlots

FIGURES = {"steps": 5.0}


class FakeGroups:
    """Stands in for the worker group and for Ray's free slots."""

    def __init__(self, spec, ends, slots=2):
        self.spec, self.ends, self.slots, self.attempts = spec, list(ends), slots, []
        self.waits, self.pauses = [], []

    def wait_for_worker_slots(self, resources, wanted, seconds):
        self.waits.append((wanted, seconds))
        return min(wanted, self.slots)

    def __call__(self, spec, attempt, runs_uri, resources, reservation, growth_pause):
        self.attempts.append(attempt)
        self.pauses.append(growth_pause)
        self.reservation = reservation
        reservation.hand_over()
        return self

    def run(self):
        end = self.ends.pop(0)
        if isinstance(end, int):
            save_checkpoint(self.spec, end)
            raise WorkerLostError(f"worker after step {end}")
        if isinstance(end, MoreSlotsError):
            self.reservation.reserve(1, 0)
        if end is not None:
            raise end
        return FIGURES


def save_checkpoint(spec, step):
    save(CheckpointStore(spec.run_uri).uri(step), [np.zeros(3)], TrainingProgress(step=step))


@pytest.fixture
def spec(tmp_path):
    paths = write_toy(tmp_path)
    params = toy_params(train={"min_workers": 1, "start_seconds": 7})
    return build_run_spec(Toy(), params, UNTRACKED, paths, read_manifest(str(paths.manifest)))


@pytest.fixture
def run(spec, monkeypatch):
    def run(ends, slots=2):
        groups = FakeGroups(spec, ends, slots)
        monkeypatch.setattr(restart, "WorkerGroup", groups)
        monkeypatch.setattr(world_size, "wait_for_worker_slots", groups.wait_for_worker_slots)
        monkeypatch.setattr(restart, "SlotReservation", UnlimitedSlots)
        groups.figures = run_until_finished(spec, "runs", WorkerResources(1))
        return groups

    return run


def lost():
    return WorkerLostError("worker 1")


def test_run_without_losses_is_one_attempt(run):
    groups = run([None])
    assert groups.figures == {**FIGURES, "restarts": 0.0, "restarts_seconds": 0.0}
    (attempt,) = groups.attempts
    assert (attempt.world_size, attempt.number, attempt.resume_step) == (2, 1, None)


def test_loss_restarts_from_the_newest_checkpoint(run):
    groups = run([5, 9, None])
    assert [attempt.resume_step for attempt in groups.attempts] == [None, 5, 9]
    assert [attempt.number for attempt in groups.attempts] == [1, 2, 3]
    assert groups.figures["restarts"] == 2.0
    assert groups.figures["restarts_seconds"] > 0


def test_three_losses_in_a_row_without_a_checkpoint_are_an_error(run):
    with refused("worker 1", where=3, remedy="--debug"):
        run([lost(), lost(), lost(), None])


def test_new_checkpoint_resets_the_count_of_losses(run):
    groups = run([lost(), lost(), 5, lost(), lost(), None])
    assert len(groups.attempts) == 6


def test_group_that_stopped_to_grow_is_restarted_and_is_no_loss(run):
    groups = run([lost(), lost(), MoreSlotsError(), lost(), lost(), None])
    assert len(groups.attempts) == 6
    assert groups.figures["restarts"] == 5.0


@pytest.fixture
def second_slot_is_late(monkeypatch):
    """Let the first attempt find one slot, and the later ones as many as they want."""

    def free_slots(groups, resources, wanted, seconds):
        groups.waits.append((wanted, seconds))
        return wanted if groups.attempts else 1

    monkeypatch.setattr(FakeGroups, "wait_for_worker_slots", free_slots)


@pytest.mark.usefixtures("second_slot_is_late")
def test_growing_waits_for_the_slots_that_the_workers_gave_up(run):
    groups = run([MoreSlotsError(), None])
    assert groups.waits == [(2, 7), (1, SLOT_SECONDS)]
    assert [attempt.world_size for attempt in groups.attempts] == [1, 2]
    assert groups.reservation.slots == 0, "the run has ended"


@pytest.mark.usefixtures("second_slot_is_late")
def test_group_that_failed_to_grow_returns_to_its_size(run):
    groups = run([MoreSlotsError(), lost(), MoreSlotsError(), lost(), 5, None])
    assert [attempt.world_size for attempt in groups.attempts] == [1, 2, 1, 2, 1, 2]
    assert groups.pauses == [0, 0, 600, 600, 1200, 1200], "a node that stays broken must not stop training for ever"


@pytest.mark.usefixtures("second_slot_is_late")
def test_grown_group_that_saves_a_checkpoint_has_not_failed(run):
    groups = run([MoreSlotsError(), 5, None])
    assert [attempt.world_size for attempt in groups.attempts] == [1, 2, 2]
    assert set(groups.pauses) == {0}


def test_error_of_a_worker_is_not_restarted(run):
    error = FirelibError("no such layer")
    with pytest.raises(FirelibError) as caught:
        run([error])
    assert caught.value is error


def test_attempt_takes_the_slots_that_are_free(run, capfd):
    assert run([None], slots=1).attempts[0].world_size == 1
    assert "1 of 2 workers" in capfd.readouterr().err


def test_fewer_slots_than_min_workers_are_an_error(run):
    with refused([1, 0, "1 CPU"], where="train.start_seconds (7 s", remedy="train.min_workers"):
        run([None], slots=0)


def test_attempt_removes_torn_checkpoints(spec, run, tmp_path, capfd):
    store = CheckpointStore(spec.run_uri)
    for step in (3, 4, 5):
        save_checkpoint(spec, step)
    for step in (4, 5):
        (tmp_path / "storage" / "runs" / spec.run_id / f"step-{step:010d}" / "state.npz").unlink()
    assert run([None]).attempts[0].resume_step == 3
    assert store.steps() == [3], "torn ones must not count among the newest that are kept"
    said = capfd.readouterr().err
    assert "checkpoint of step 4" in said
    assert "checkpoint of step 5" in said


def test_remove_torn_checkpoints_without_any(spec):
    assert remove_torn_checkpoints(CheckpointStore(spec.run_uri)) is None
