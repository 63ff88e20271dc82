import struct
from dataclasses import replace

import pytest
import wandb
from wandb.proto import wandb_internal_pb2

from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.driver.train_stage import build_run_spec
from firelib.train.tracking import wandb_tracker
from firelib.train.tracking.tracker import StepLogger, start_tracker
from tests.train.toy import TRACKED, Toy, toy_params, write_toy

_BLOCK = 32768


class RecordingTracker:
    """Keeps what is logged."""

    id = "run"

    def __init__(self, last_step=None):
        self.entries = []
        self.last_step = last_step

    def log(self, step, values):
        self.entries.append((step, dict(values)))

    def flush(self):
        pass


@pytest.fixture
def run_uri(tmp_path):
    return str(tmp_path)


def progress(step, epochs=0):
    return TrainingProgress(
        losses=[float(i) for i in range(step)], validation=[{"epoch": e + 1} for e in range(epochs)]
    )


def test_each_step_is_logged_once_over_restarts(run_uri):
    """A step is logged when a checkpoint holds it; a restart continues after it."""
    log = RecordingTracker()
    first = StepLogger(log, run_uri, 5)
    first.log_until(3, progress(4))
    first.log_until(3, progress(4))
    again = StepLogger(log, run_uri, 5)
    again.log_until(7, progress(8, 1))
    assert [step for step, _ in log.entries] == [1, 2, 3, 4, 5, 6, 7]
    assert log.entries[4] == (5, {"loss": 4.0, "epoch": 1})


def test_steps_that_a_kill_has_lost_are_logged_again(run_uri):
    """The tracker holds fewer steps than were logged."""
    StepLogger(RecordingTracker(), run_uri, 5).log_until(4, progress(4))
    log = RecordingTracker(last_step=2)
    StepLogger(log, run_uri, 5).log_until(6, progress(6, 1))
    assert [step for step, _ in log.entries] == [3, 4, 5, 6]


def test_steps_that_the_tracker_holds_are_not_logged_again(run_uri):
    """A kill between logging and noting it."""
    StepLogger(RecordingTracker(), run_uri, 5).log_until(2, progress(2))
    log = RecordingTracker(last_step=4)
    StepLogger(log, run_uri, 5).log_until(6, progress(6, 1))
    assert [step for step, _ in log.entries] == [5, 6]


def test_last_step_of_an_epoch_is_logged_with_its_metrics(run_uri):
    log = RecordingTracker()
    logger = StepLogger(log, run_uri, 5)
    logger.log_until(5, progress(5))
    assert [step for step, _ in log.entries] == [1, 2, 3, 4]
    logger.log_until(5, progress(5, 1))
    assert log.entries[-1] == (5, {"loss": 4.0, "epoch": 1})


def test_another_tracked_run_starts_at_its_first_step(run_uri):
    StepLogger(RecordingTracker(), run_uri, 5).log_until(3, progress(3))
    other = RecordingTracker()
    other.id = "other"
    StepLogger(other, run_uri, 5).log_until(2, progress(3))
    assert [step for step, _ in other.entries] == [1, 2]


def test_without_network_the_run_is_offline_and_the_user_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # the discard port: nothing listens there
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr(wandb_tracker, "_CONNECT_SECONDS", 1.0)
    paths = write_toy(tmp_path)
    spec = build_run_spec(Toy(), toy_params(), TRACKED, paths, read_manifest(str(paths.manifest)))
    notes = []
    tracker = start_tracker(spec, 0, None, notes.append)
    tracker.log(1, {"loss": 1.0})
    tracker.finish({}, None)
    wandb.teardown()
    assert "W&B" in notes[0]
    assert "offline" in notes[0]
    assert list((tmp_path / "wandb").rglob("offline-run-*"))


def test_wandb_receives_lineage_summary_dataset_and_model(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    paths = write_toy(tmp_path)
    spec = build_run_spec(Toy(), toy_params(), TRACKED, paths, read_manifest(str(paths.manifest)))
    spec = replace(spec, group="a-tuning", lineage={"git": {"revision": "abc"}})
    exported = tmp_path / "export"
    exported.mkdir()
    (exported / "model.keras").write_bytes(b"a model")
    (exported / "weights.json").write_text('{"sha256": "123", "parameters": 5}')
    tracker = start_tracker(spec, 0, None, print)
    tracker.finish({"rows_per_second": 1000.0, "input_share": 0.25}, str(exported))
    wandb.teardown()
    (file,) = (tmp_path / "wandb").rglob("*.wandb")
    records = list(wandb_records(file))
    (run,) = [record.run for record in records if record.WhichOneof("record_type") == "run"]
    assert run.run_group == "a-tuning"
    assert '"revision":"abc"' in {entry.key: entry.value_json for entry in run.config.update}["lineage"].replace(
        " ", ""
    )
    summary = {entry.key: entry.value_json for record in records for entry in record.summary.update}
    assert (summary["rows_per_second"], summary["input_share"]) == ("1000.0", "0.25")
    artifacts = {record.artifact.type: record.artifact for record in records}
    assert [entry.path for entry in artifacts["dataset"].manifest.contents] == ["manifest.json"]
    (model,) = artifacts["model"].manifest.contents
    assert model.ref == f"file://{exported}/model.keras"
    assert model.digest


def wandb_records(file):
    """Records of an offline run: protocol buffers in LevelDB's log format, after a header of 7 bytes."""
    content, offset, record = file.read_bytes(), 7, b""
    while offset + 7 <= len(content):
        if (left := _BLOCK - offset % _BLOCK) < 7:  # too short for a header: the rest of the block is padding
            offset += left
            continue
        length, kind = struct.unpack_from("<HB", content, offset + 4)
        record += content[offset + 7 : offset + 7 + length]
        offset += 7 + length
        if kind in (1, 4):  # FULL or LAST
            yield wandb_internal_pb2.Record.FromString(record)
            record = b""
