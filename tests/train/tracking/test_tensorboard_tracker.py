"""Event files and profiles: the training loop writes them, the test reads them back."""

import re
from pathlib import Path

import pytest

from firelib.train.platform_folders import EventMirror
from firelib.train.tracking.tensorboard_tracker import TensorBoardTracker
from tests.train.local_group import Run
from tests.train.toy import toy_params

RUNS = {
    "stopped": Run(toy_params(epochs=2), folder="one", stop_at=21, tracking="tensorboard"),
    "resumed": Run(toy_params(epochs=2), folder="one", resume=True, tracking="tensorboard"),
    "profiled": Run(toy_params(epochs=2), folder="profiled", profile=True),
    "few steps": Run(toy_params(epochs=1), folder="few", train_rows=64, profile=True),
    "untracked": Run(toy_params(epochs=1), folder="untracked"),
}


@pytest.fixture(scope="module")
def outcomes(lone_worker, tmp_path_factory):
    return dict(zip(RUNS, lone_worker.train(tmp_path_factory.mktemp("toy"), list(RUNS.values())), strict=True))


def scalars(folder):
    """(name, step) → values, as TensorBoard reads them."""
    import tensorflow as tf

    found = {}
    for file in sorted(Path(folder).glob("events.*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                found.setdefault((value.tag, event.step), []).append(float(tf.make_ndarray(value.tensor)))
    return found


def test_each_step_is_logged_once_over_a_stop_and_a_resume(outcomes):
    end = outcomes["resumed"]
    assert len(end.progress.starts) == 2
    found = scalars(end.spec.tensorboard_folder)
    losses = {step: values for (name, step), values in found.items() if name == "loss"}
    assert losses == {step: [pytest.approx(loss)] for step, loss in enumerate(end.losses, 1)}
    assert found["val_loss", 32] == [pytest.approx(end.progress.validation[-1]["val_loss"])]
    assert len(list(Path(end.spec.tensorboard_folder).glob("events.*"))) == 2


def test_note_names_the_folder_of_the_profile(outcomes):
    end = outcomes["profiled"]
    folder = end.spec.tensorboard_folder
    (note,) = end.notes
    assert all(part in note for part in ("steps 11 to 20", f"tensorboard --logdir {folder}"))
    (profile,) = Path(folder).glob("plugins/profile/*/*.xplane.pb")
    assert b"/host:CPU" in profile.read_bytes()


def test_note_says_that_there_are_too_few_steps_for_a_profile(outcomes):
    (note,) = outcomes["few steps"].notes
    assert re.search(r"no profile\b.*\b10 steps\b.*\b1$", note)


def test_untracked_run_writes_no_events(outcomes):
    assert not Path(outcomes["untracked"].spec.tensorboard_folder).exists()


def test_events_reach_the_platforms_folder_while_training_goes_on(tmp_path):
    mirror = EventMirror(str(tmp_path / "own"), "run", {"AIP_TENSORBOARD_LOG_DIR": f"{tmp_path}/logs/"})
    tracker = TensorBoardTracker(str(tmp_path / "own"), mirror)
    tracker.log(1, {"loss": 0.5})
    tracker.flush()
    assert scalars(tmp_path / "logs/run") == {("loss", 1): [0.5]}
    tracker.log(2, {"loss": 0.25})
    tracker.finish({}, None)
    assert scalars(tmp_path / "logs/run") == {("loss", 1): [0.5], ("loss", 2): [0.25]}
