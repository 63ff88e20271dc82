import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss

from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import read_manifest
from firelib.tfrecord.read.dataset import open_dataset
from firelib.train.checkpoint import serialization
from firelib.train.driver.train_stage import train
from tests.errors import refused
from tests.train.local_group import Run
from tests.train.toy import TRACKED, UNTRACKED, Toy, damage_toy, toy_params, write_toy

pytestmark = [pytest.mark.usefixtures("ray_cluster"), pytest.mark.integration]


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """One run without failures on two workers, tracked offline."""
    paths = write_toy(tmp_path_factory.mktemp("two"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIP_MODEL_DIR", f"{paths.project}/platform-model/")
        return paths, train(Toy(), toy_params(workers=2), TRACKED, paths)


def test_the_saved_model_is_copied_to_where_the_platform_looks(two_workers):
    paths, _ = two_workers
    copied = paths.project / "platform-model"
    assert (copied / "saved_model.pb").read_bytes() == (paths.model / "saved_model/saved_model.pb").read_bytes()
    assert (copied / "variables/variables.index").is_file()


def test_loss_curve_does_not_depend_on_the_number_of_workers(two_workers, lone_worker, tmp_path):
    """Two workers under Ray Train, and one without Ray."""
    paths, two = two_workers
    (alone,) = lone_worker.train(tmp_path, [Run(toy_params())])
    one = alone.progress

    assert len(two.losses) == 2 * -(-1000 // 64)
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-5)
    for a, b in zip(two.validation, one.validation, strict=True):
        assert a == pytest.approx(b, rel=1e-4)
    for a, b in zip(load_weights(paths), alone.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_losses_fall(two_workers):
    losses = two_workers[1].losses
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_validation_covers_every_row_once(two_workers):
    """The loss equals scikit-learn's over all 301 rows: none is dropped, and padding does not count."""
    paths, progress = two_workers
    rows = open_dataset(str(paths.manifest)).as_numpy("validation")
    labels = rows.pop("positive")
    assert progress.validation[-1]["val_loss"] == pytest.approx(log_loss(labels, predict(paths, rows)), rel=1e-4)


def test_exported_models_take_raw_values_and_predict_the_same(two_workers):
    import tensorflow as tf

    paths, _ = two_workers
    raw = {"number": np.array([1.5, np.nan, -3.0], "f4"), "word": np.array([b"up", b"left", b"never seen"])}
    served = tf.saved_model.load(str(paths.model / "saved_model"))
    outputs = served.serve({name: tf.constant(column) for name, column in raw.items()}).numpy()[:, 0]
    np.testing.assert_allclose(outputs, predict(paths, raw), rtol=1e-6)
    assert outputs[0] > 0.5 > outputs[2]


def test_lineage_names_data_code_and_run(two_workers):
    paths, progress = two_workers
    record = json.loads((paths.model / "lineage.json").read_text())
    assert record["data"]["manifest_sha256"] == open_dataset(str(paths.manifest)).manifest.sha256
    assert record["data"]["weights_sha256"] == json.loads((paths.model / "weights.json").read_text())["sha256"]
    assert record["data"]["tracking_id"] == progress.tracking_id
    assert record["params"]["train"]["seed"] == 7
    assert record["packages"]["tensorflow"]


def test_tracking_keeps_one_offline_run_of_rank_0(two_workers):
    paths, progress = two_workers
    runs = list((paths.project / "wandb").rglob("*.wandb"))
    assert len(runs) == 1
    assert progress.tracking_id
    assert progress.tracking_id in runs[0].name


def test_timing_is_published_beside_the_model(two_workers):
    paths, progress = two_workers
    timing = json.loads((paths.model / "timing.json").read_text())
    assert timing == progress.timing
    assert timing["start_up_seconds"] > 0
    assert timing["steps"] == progress.step - 1
    assert 0 <= timing["input_share"] <= 1
    assert timing["restarts"] == 0


def test_curves_and_metrics_are_published_for_dvc(two_workers):
    paths, progress = two_workers
    lines = (paths.plots / "training.csv").read_text().splitlines()
    assert lines[0] == "step,loss,rows"
    assert len(lines) == 1 + progress.step
    epoch = lines[1 : 1 + progress.step // len(progress.validation)]
    assert sum(int(line.split(",")[2]) for line in epoch) == read_manifest(str(paths.manifest)).splits["train"].rows
    metrics = json.loads((paths.metrics / "train.json").read_text())
    assert metrics["val_loss"] == progress.validation[-1]["val_loss"]


def test_finished_run_is_not_trained_again(two_workers, capfd):
    paths, first = two_workers
    again = train(Toy(), toy_params(workers=2), UNTRACKED, paths)
    assert again == first
    assert "resuming from its last checkpoint" in capfd.readouterr().err


def test_error_of_the_recipe_is_raised_without_a_restart(tmp_path):
    paths = write_toy(tmp_path)
    with refused(["build_model", "ValueError: no such layer"], where="'toy'", remedy="recipe"):
        train(Toy(), toy_params(workers=1, fail="raise"), UNTRACKED, paths)
    assert not paths.model.exists()


def test_damaged_shard_is_raised_without_a_restart(tmp_path, capfd):
    """The other worker sees a lost peer, which alone would cause a restart."""
    shard = damage_toy(tmp_path, "train", "crc")
    with refused("CRC", where=shard, remedy="firelib transform"):
        train(Toy(), toy_params(workers=2), UNTRACKED, Paths("toy", str(tmp_path / "storage"), tmp_path))
    assert "restarting" not in capfd.readouterr().err


def load_weights(paths):
    import keras

    return keras.models.load_model(paths.model / "model.keras", compile=False).get_weights()


def predict(paths, rows):
    from firelib.evaluate.model import TrainedModel

    return TrainedModel(paths.model).predict(rows)


def test_checkpoint_of_the_run_is_verified(two_workers, tmp_path):
    paths, progress = two_workers
    newest = max(Path(paths.runs).rglob("progress.json")).parent
    _, loaded = serialization.load(str(newest))
    assert loaded == progress
