"""Files that an earlier commit wrote are still read, and still name the same run."""

from pathlib import Path

import numpy as np
import pytest

from firelib import open_dataset
from firelib.config import Environment, load_params
from firelib.data.lake import read_lake
from firelib.recipe import load_recipe
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train import run_spec
from firelib.train.checkpoint.serialization import load
from firelib.train.checkpoint.state import BestEpoch
from firelib.train.checkpoint.store import CheckpointStore

FILES = Path(__file__).parent / "044e78f"
MANIFEST = str(FILES / "dataset" / "manifest.json")


def test_dataset() -> None:
    batch = open_dataset(MANIFEST).as_numpy("train")
    rows = sorted(zip(batch["number"].tolist(), batch["count"].tolist(), batch["word"].tolist(), strict=True))
    assert rows == [(-2.0, 3, b""), (0.5, 1, b"a"), (1.5, 2, b"bc")]


def test_checkpoint() -> None:
    store = CheckpointStore(str(FILES / "checkpoint"))
    newest = store.find_newest()
    assert newest.torn == {}
    values, progress = load(store.uri(9))
    assert progress == newest.progress
    np.testing.assert_array_equal(values[0], np.arange(6, dtype=np.float32).reshape(2, 3))
    assert (progress.epoch, progress.position, progress.losses) == (2, 3, [0.5, 0.1])
    assert progress.best == BestEpoch(0.4, 1, 5)
    assert progress.tracking_id == "abc"


def test_lake() -> None:
    lake = read_lake(FILES / "lake.json")
    assert sorted(lake.tables) == ["airlines", "airports", "flights", "planes", "weather"]


def test_run_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id of another name would orphan runs that are finished or half finished."""
    monkeypatch.setattr(run_spec, "code_sha256", lambda recipe: "0" * 64)
    params = load_params(FILES / "params.yaml", Environment())
    manifest = read_manifest(MANIFEST)
    assert run_spec.compute_run_id(load_recipe("flights"), params, params.model, manifest) == "-eeea153d64ae"
