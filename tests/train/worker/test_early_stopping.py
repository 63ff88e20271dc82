import pytest

from firelib.config import EarlyStopping
from firelib.train.checkpoint.state import BestEpoch, TrainingProgress
from firelib.train.worker.early_stopping import update_best_epoch
from tests.errors import refused


def after(values, name="val_loss", **settings):
    progress = TrainingProgress()
    for epoch, value in enumerate(values, 1):
        progress.epoch, progress.step = epoch, 10 * epoch
        progress.validation.append({"epoch": epoch, name: value})
        update_best_epoch(progress, EarlyStopping(metric=name, **settings))
        if progress.stopped_early:
            break
    return progress


@pytest.mark.parametrize(
    ("name", "values", "epoch"),
    [("val_loss", [3, 1, 2], 2), ("val_auc", [3, 1, 2], 1), ("val_mae", [3, 1, 2], 2), ("val_accuracy", [1, 1, 1], 1)],
)
def test_best_epoch_depends_on_the_metric(name, values, epoch):
    assert after(values, name).best == BestEpoch(values[epoch - 1], epoch, 10 * epoch)


def test_mode_overrides_the_name_of_the_metric():
    assert after([3, 1, 2], mode="max").best.epoch == 1


def test_without_patience_training_never_stops_early():
    assert not after([1] * 50).stopped_early


@pytest.mark.parametrize(("of_best", "expected"), [(True, 2), (False, 3)])
def test_summary_is_of_the_epoch_that_is_returned(of_best, expected):
    progress = after([3, 1, 2], patience=5)
    progress.losses = [float(step) for step in range(1, progress.step + 1)]
    summary = progress.summarize(of_best)
    assert summary == {"steps": 10 * expected, "train_loss": 10 * expected, "val_loss": [3, 1, 2][expected - 1]}


def test_patience_counts_epochs_without_improvement():
    assert after([5, 4, 4.5, 3, 4, 5, 6, 7], patience=3).epoch == 7
    assert after([5, 4.95, 4.91, 4.9], patience=2, minimum_change=0.2).epoch == 3


def test_nan_is_never_the_best():
    assert after([float("nan"), 2.0]).best.epoch == 2


def test_unknown_metric_is_refused():
    progress = TrainingProgress(validation=[{"epoch": 1, "val_auc": 1.0}])
    with refused("'val_acc'", where="train.early_stopping.metric", remedy="'val_auc'"):
        update_best_epoch(progress, EarlyStopping(metric="val_acc"))
