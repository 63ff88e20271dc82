"""One process trains a run at a time."""

import signal

import pytest

from firelib import storage
from firelib.project_layout import Paths
from firelib.storage import lease
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.driver.run_lease import hold_run, locate_lease
from firelib.train.driver.train_stage import TrainOptions, build_run_spec, train, train_trial
from tests.errors import refused
from tests.patience import wait_until
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy


@pytest.mark.parametrize("start", [train, train_trial])
def test_a_second_training_of_a_run_is_refused_and_removes_nothing(tmp_path, start):
    paths, params = write_toy(tmp_path), toy_params()
    spec = build_run_spec(Toy(), params, UNTRACKED, paths, read_manifest(str(paths.manifest)))
    storage.write_bytes(spec.inputs_uri, b"{}")
    with hold_run(spec.run_id, paths), refused(what=spec.run_id, where=spec.run_id, remedy="wait"):
        start(Toy(), params, UNTRACKED, paths, TrainOptions(fresh=True))
    assert storage.exists(spec.inputs_uri)
    assert storage.list_names(paths.leases) == []


def test_a_training_that_is_taken_over_stops(tmp_path, monkeypatch, capfd):
    """It was suspended, for example, so that another process has taken its lease."""
    monkeypatch.setattr(lease, "_RENEWED_SECONDS", 0.01)
    paths = Paths("toy", str(tmp_path), tmp_path)
    received, before = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: received.append("SIGTERM"))
    try:
        with hold_run("toy-1", paths):
            uri = locate_lease("toy-1", paths)
            wait_until(lambda: received or storage.write_bytes(uri, b"{}"), 20, "SIGTERM")  # a renewal may replace it
    finally:
        signal.signal(signal.SIGTERM, before)
    assert "toy-1" in capfd.readouterr().err
