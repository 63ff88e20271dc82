import os

import fsspec
import numpy as np
import pytest

from firelib import storage
from firelib.errors import UnreachableError
from firelib.train.checkpoint.serialization import save
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from tests import buckets
from tests.errors import refused
from tests.unreliable import unreliable


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    """On the local disk, and on a file system without renaming."""
    root = str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"
    return CheckpointStore(f"{root}/run")


def fill(store, *steps):
    for step in steps:
        save(store.uri(step), [np.full(50, step)], TrainingProgress(step=step))


def test_empty_store(store):
    assert store.steps() == []
    newest = store.find_newest()
    assert newest.progress is None
    assert newest.step is None
    assert not newest.torn


def test_newest_is_the_checkpoint_of_the_last_step(store):
    fill(store, 900, 7, 12345)
    assert store.steps() == [7, 900, 12345]
    assert store.find_newest().step == store.find_newest().progress.step == 12345


@pytest.mark.parametrize("file", ["state.npz", "progress.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_newest_skips_and_names_a_torn_checkpoint_and_changes_nothing(tmp_path, file, damage):
    store = CheckpointStore(str(tmp_path))
    fill(store, 1, 2, 3)
    path = tmp_path / "step-0000000003" / file
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:20])
    newest = store.find_newest()
    assert newest.step == 2
    assert list(newest.torn) == [3]
    assert newest.torn[3]
    assert store.steps() == [1, 2, 3]


def test_all_checkpoints_are_torn(tmp_path):
    store = CheckpointStore(str(tmp_path))
    fill(store, 1)
    (tmp_path / "step-0000000001" / "state.npz").unlink()
    newest = store.find_newest()
    assert newest.progress is None
    assert list(newest.torn) == [1]


def test_remove(store):
    fill(store, 1, 2, 3)
    store.remove([3, 1])
    assert store.steps() == [2]


@pytest.mark.parametrize(("best", "left"), [(None, [4, 5]), (2, [2, 4, 5]), (5, [4, 5])])
def test_prune_keeps_the_newest_and_the_best(store, best, left):
    fill(store, 1, 2, 3, 4, 5)
    store.prune(5, 2, best)
    assert store.steps() == left


def test_prune_keeps_other_files_of_the_run(tmp_path):
    (tmp_path / "export").mkdir()
    (tmp_path / "finished.json").touch()
    store = CheckpointStore(str(tmp_path))
    fill(store, 1, 2)
    store.prune(2, 1, None)
    assert {path.name for path in tmp_path.iterdir()} == {"export", "finished.json", "step-0000000002"}


def test_files_of_others_in_a_checkpoint_stay(store):
    fill(store, 1, 2)
    notes = storage.join(store.uri(1), "notes.txt")
    storage.write_bytes(notes, b"precious")
    storage.write_bytes(storage.join(store.uri(2), ".state.npz.0123456789abcdef.tmp"), b"of a killed process")
    store.remove([1, 2])
    assert storage.read_bytes(notes) == b"precious"
    assert store.steps() == [1]
    assert store.find_newest().progress is None


def test_later_torn_checkpoints_do_not_count_among_the_newest(tmp_path):
    store = CheckpointStore(str(tmp_path))
    fill(store, 1, 2, 3)
    (tmp_path / "step-0000000003" / "state.npz").unlink()
    store.prune(2, 1, None)
    assert store.steps() == [2, 3]
    assert store.find_newest().step == 2


@pytest.mark.slow
@pytest.mark.parametrize("error", ["AccessDenied", "InternalError"])
def test_a_bucket_that_cannot_be_read_has_no_torn_checkpoints(monkeypatch, error):
    """Torn ones are removed."""
    with buckets.s3() as uri, unreliable(os.environ["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        fsspec.filesystem("s3").clear_instance_cache()
        store = CheckpointStore(f"{uri}/run")
        fill(store, 1, 2)
        proxy.share, proxy.error, proxy.path = 1.0, error, "/progress.json"
        with refused(where="progress.json", kind=UnreachableError if error == "InternalError" else storage.BucketError):
            store.find_newest()
        proxy.share = 0.0
        assert store.find_newest().step == 2
    fsspec.filesystem("s3").clear_instance_cache()


@pytest.mark.parametrize("kind", [UnreachableError, storage.BucketError])
def test_a_checkpoint_that_cannot_be_read_now_is_not_torn(store, monkeypatch, kind):
    """Torn ones are removed. The slow test above has a real bucket."""
    fill(store, 1, 2)

    def fail(uri):
        raise kind("the bucket does not answer", where=uri, remedy="try again")

    with monkeypatch.context() as patch, refused(what="bucket", kind=kind):
        patch.setattr("firelib.storage.json_files.read_bytes", fail)
        store.find_newest()
    assert store.find_newest().step == 2
