import json

import numpy as np
import pytest

from firelib.train.checkpoint.serialization import TornCheckpointError, copy_values, load, restore, save
from firelib.train.checkpoint.state import BestEpoch, TrainingProgress
from tests.errors import refused


class Variable:
    """The part of a Keras variable that checkpoints use, without importing TensorFlow."""

    def __init__(self, value):
        self.value = np.asarray(value)
        self.shape = self.value.shape

    def __array__(self, dtype=None, copy=None):
        return self.value

    def assign(self, value):
        self.value = value


PROGRESS = TrainingProgress(
    epoch=2,
    step=9,
    position=3,
    seed=7,
    losses=[0.5, 0.1],
    validation=[{"epoch": 1.0}],
    starts=[0, 4],
    best=BestEpoch(0.5, 1, 6),
    tracking_id="abc",
)


def test_load_returns_what_was_saved(tmp_path):
    values = [np.arange(6, dtype="f4").reshape(2, 3), np.array(7), np.array([1, 2], "u4")]
    save(str(tmp_path), values, PROGRESS)
    loaded, progress = load(str(tmp_path))
    assert progress == PROGRESS
    for a, b in zip(loaded, values, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


def test_same_state_gives_same_bytes(tmp_path):
    for name in "ab":
        save(str(tmp_path / name), [np.arange(3.0)], PROGRESS)
    for file in ("state.npz", "progress.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_timing_is_not_saved(tmp_path):
    save(str(tmp_path), [], TrainingProgress(timing={"seconds": 1.0}))
    assert load(str(tmp_path))[1].timing == {}


def test_more_than_ten_variables_keep_their_order(tmp_path):
    save(str(tmp_path), [np.array(index) for index in range(25)], PROGRESS)
    assert [int(value) for value in load(str(tmp_path))[0]] == list(range(25))


@pytest.mark.parametrize("damage", [lambda data: data[:-10], lambda data: data[:200] + b"x" + data[201:], None])
def test_torn_checkpoint_is_refused(tmp_path, damage):
    save(str(tmp_path), [np.zeros(100)], PROGRESS)
    path = tmp_path / "state.npz"
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    with refused("state.npz", where=tmp_path, remedy="firelib train --fresh", kind=TornCheckpointError):
        load(str(tmp_path))


def test_checkpoint_without_progress_is_refused(tmp_path):
    save(str(tmp_path), [np.zeros(100)], PROGRESS)
    (tmp_path / "progress.json").unlink()
    with refused("progress.json", where=tmp_path, remedy="firelib train --fresh", kind=TornCheckpointError):
        load(str(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("best"),
        lambda content: content.update(best={"surprise": 1}),
        lambda content: content.update(surprise=1),
    ],
)
def test_progress_of_another_version_is_refused_but_not_torn(tmp_path, change):
    save(str(tmp_path), [np.zeros(100)], PROGRESS)
    content = json.loads((tmp_path / "progress.json").read_text())
    change(content)
    (tmp_path / "progress.json").write_text(json.dumps(content))
    with refused("progress.json", where=tmp_path, remedy="version") as caught:
        load(str(tmp_path))
    assert not isinstance(caught.value, TornCheckpointError), "torn checkpoints are removed"


@pytest.mark.parametrize("content", ["[]", "{", "1", "{}"])
def test_progress_that_is_no_object_is_torn(tmp_path, content):
    save(str(tmp_path), [np.zeros(100)], PROGRESS)
    (tmp_path / "progress.json").write_text(content)
    with refused("progress.json", where=tmp_path, kind=TornCheckpointError):
        load(str(tmp_path))


def test_copies_do_not_follow_the_variables():
    variable = Variable(np.zeros(2))
    (copy,) = copy_values([variable])
    variable.value += 1
    assert copy.tolist() == [0, 0]


def test_checkpoint_of_another_model_is_refused():
    with refused([1], where="here", remedy="firelib train --fresh"):
        restore([Variable(np.zeros(3))], [np.zeros(4)], "here")


def test_restore_assigns_in_order():
    variables = [Variable(np.zeros(2)), Variable(np.zeros(3))]
    restore(variables, [np.ones(2), np.full(3, 2.0)], "here")
    assert [variable.value.tolist() for variable in variables] == [[1, 1], [2, 2, 2]]
