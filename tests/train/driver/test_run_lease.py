"""One process trains a run at a time."""

import signal

import pytest

from firelib import storage
from firelib.storage import lease
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.driver.run_lease import hold_run
from firelib.train.driver.train_stage import TrainOptions, build_run_spec, train, train_trial
from tests.errors import refused
from tests.patience import wait_until
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy


@pytest.mark.parametrize("start", [train, train_trial])
def test_a_second_training_of_a_run_is_refused_and_removes_nothing(tmp_path, start):
    paths, params = write_toy(tmp_path), toy_params()
    spec = build_run_spec(Toy(), params, UNTRACKED, paths, read_manifest(str(paths.manifest)))
    storage.write_bytes(spec.inputs_uri, b"{}")
    with hold_run(spec), refused(what=spec.run_id, where=spec.run_id, remedy="wait"):
        start(Toy(), params, UNTRACKED, paths, TrainOptions(fresh=True))
    assert storage.exists(spec.inputs_uri)
    assert not storage.exists(spec.lease_uri)


def test_a_training_that_is_taken_over_stops(tmp_path, monkeypatch, capfd):
    """It was suspended, for example, so that another process has taken its lease."""
    monkeypatch.setattr(lease, "_RENEWED_SECONDS", 0.01)
    paths = write_toy(tmp_path)
    spec = build_run_spec(Toy(), toy_params(), UNTRACKED, paths, read_manifest(str(paths.manifest)))
    received, before = [], signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: received.append("SIGTERM"))
    try:
        with hold_run(spec):
            storage.write_bytes(spec.lease_uri, b"{}")
            wait_until(lambda: received, 20, "SIGTERM")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert spec.run_id in capfd.readouterr().err
