import numpy as np
import pytest

from firelib.train.checkpoint.serialization import save
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    """On this disk, and on a file system that knows no renaming."""
    root = str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"
    return CheckpointStore(f"{root}/run")


def fill(store, *steps):
    for step in steps:
        save(store.uri(step), [np.full(50, step)], TrainingProgress(step=step))


def test_nothing_yet(store):
    assert store.steps() == []
    assert store.newest() is None


def test_newest_is_the_one_of_the_last_step(store):
    fill(store, 900, 7, 12345)
    assert store.steps() == [7, 900, 12345]
    assert store.newest().step == 12345


@pytest.mark.parametrize("file", ["state.npz", "progress.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_torn_one_is_said_and_the_one_before_it_counts(tmp_path, capfd, file, damage):
    store = CheckpointStore(str(tmp_path))
    fill(store, 1, 2, 3)
    path = tmp_path / "step-0000000003" / file
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:20])
    assert store.newest().step == 2
    assert "checkpoint of step 3 is left out" in capfd.readouterr().err
    assert store.steps() == [1, 2], "it must not count among the newest that are kept"


def test_all_torn_is_a_fresh_start(tmp_path):
    store = CheckpointStore(str(tmp_path))
    fill(store, 1)
    (tmp_path / "step-0000000001" / "state.npz").unlink()
    assert store.newest() is None


@pytest.mark.parametrize(("best", "left"), [(None, [4, 5]), (2, [2, 4, 5]), (5, [4, 5])])
def test_newest_and_best_are_kept(store, best, left):
    fill(store, 1, 2, 3, 4, 5)
    store.prune(2, best)
    assert store.steps() == left


def test_other_things_in_the_run_folder_stay(tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "finished.json").touch()
    store = CheckpointStore(str(tmp_path))
    fill(store, 1, 2)
    store.prune(1, None)
    assert {path.name for path in tmp_path.iterdir()} == {"export", "finished.json", "step-0000000002"}
