"""Every option of section `train`, on one and on two workers without Ray."""

import re

import numpy as np
import pytest

from tests.train.local_group import Run, train_locally
from tests.train.toy import Toy, damage_toy, toy_params


def run(epochs=1, stop_at=None, resume=False, folder="toy", rows=1000, model=None, recipe=None, export=False, **train):
    params = toy_params(epochs=epochs, train=train, **(model or {}))
    return Run(params, recipe or Toy(), stop_at, resume, folder, rows, export=export)


def given(*callbacks):
    recipe = Toy()
    recipe.given = callbacks
    return recipe


def halved(epoch, lr):
    return lr / 2 if epoch else lr


def halving():
    import keras

    return keras.callbacks.LearningRateScheduler(halved)


def plateau():
    import keras

    return keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=9)


def early_stopping():
    import keras

    return keras.callbacks.EarlyStopping()


def averaging():
    import keras

    return keras.callbacks.SwapEMAWeights()


SGD = {"optimizer": "sgd"}
SHARED = {
    "plain": run(export=True),
    "sgd": run(model=SGD),
    "clipped": run(clip_norm=0.01, model=SGD, lr=10.0),
    "parts": run(accumulate=3, model=SGD),
    "several steps": run(steps_per_execution=5),
    "float16": run(precision="mixed_float16", clip_norm=0.01),
    "float64": run(precision="float64", export=True),
    "float64 in parts": run(precision="float64", accumulate=3, steps_per_execution=4),
    "balanced": run(class_weights="balanced"),
    "cosine": run(schedule={"kind": "cosine", "warmup_steps": 5}),
    "few rows": run(folder="few", rows=5),
    "one row": run(folder="one", rows=1),
}
ALONE = {
    "start": run(stop_at=0, clip_norm=0.01, model=SGD, lr=1e-30),
    "bfloat16": run(precision="mixed_bfloat16"),
    "numbers": run(model={"words": False}),
    "xla": run(xla=True, model={"words": False}),
    "xla of strings": run(xla=True),
    "class 0 only": run(class_weights={1: 0.0}),
    "no such class": run(class_weights={7: 1.0}),
    "linear": run(schedule={"kind": "linear", "final": 0.5}),
    "warmup too long": run(schedule={"warmup_steps": 99}),
    "early": run(epochs=6, lr=0.5, early_stopping={"patience": 1}),
    "not a number": run(lr=1e38),
    "width": run(model={"fail": "width"}),
    "uncompiled": run(model={"fail": "uncompiled"}),
    "whole": run(epochs=3, folder="whole", checkpoint={"every_steps": 5}),
    "stopped": run(epochs=3, folder="resumed", stop_at=21),
    "resumed": run(epochs=3, folder="resumed", resume=True),
    "stopped in parts": run(epochs=3, folder="parts", stop_at=9, steps_per_execution=3),
    "resumed in parts": run(epochs=3, folder="parts", resume=True, steps_per_execution=3),
    "callbacks": run(epochs=3, recipe=given(halving)),
    "plateau": run(epochs=4, folder="plateau", recipe=given(plateau)),
    "refused": run(folder="refused", recipe=given(early_stopping, averaging)),
}


#: Damage → the split whose shard has it.
DAMAGED = {"crc": "train", "hash": "train", "crc of validation": "validation"}


@pytest.fixture(scope="module")
def one(lone_worker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    runs = SHARED | ALONE
    for kind, split in DAMAGED.items():
        damage_toy(folder / f"damaged {kind}", split, kind.partition(" ")[0])
        runs[kind] = Run(toy_params(epochs=1), folder=kind, data=folder / f"damaged {kind}")
    outcomes = lone_worker.train(folder, list(runs.values()), seconds=300)
    return dict(zip(runs, outcomes, strict=True))


@pytest.fixture(scope="module")
def both(lone_worker, tmp_path_factory):
    """Name → the run on one worker, and on two."""
    runs = list(SHARED.values())
    two = train_locally(tmp_path_factory.mktemp("two"), runs, workers=2, seconds=600)
    one = lone_worker.train(tmp_path_factory.mktemp("one"), runs, seconds=300)
    return {name: pair for name, *pair in zip(SHARED, one, two, strict=True)}


@pytest.mark.integration
@pytest.mark.parametrize("name", SHARED)
def test_option_does_the_same_on_two_workers(both, name):
    one, two = both[name]
    assert one.error is two.error is None
    tolerance = 1e-3 if name == "float16" else 1e-5
    np.testing.assert_allclose(two.losses, one.losses, rtol=tolerance)
    for a, b in zip(two.weights, one.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("name", ["plain", "float64"])
def test_exported_model_has_the_trained_weights(one, name):
    import keras

    exported = keras.models.load_model(f"{one[name].spec.export_uri}/model.keras", compile=False)
    for a, b in zip(exported.get_weights(), one[name].weights, strict=True):
        np.testing.assert_array_equal(a, b.astype("f4"))


def distance(a, b):
    return max(float(np.abs(x - y).max()) for x, y in zip(a.weights, b.weights, strict=True))


def test_several_steps_per_call_give_the_same_losses(one):
    assert one["several steps"].losses == one["plain"].losses
    assert distance(one["several steps"], one["plain"]) == 0


def test_accumulated_gradients_are_those_of_the_batch(one):
    np.testing.assert_allclose(one["parts"].losses, one["sgd"].losses, rtol=1e-5)
    assert distance(one["parts"], one["sgd"]) < 1e-6


def test_clip_norm_limits_the_length_of_a_step(one):
    """16 steps of at most lr × clip_norm: without clipping, lr 10 goes much further."""
    pairs = zip(one["clipped"].weights, one["start"].weights, strict=True)
    moved = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in pairs))
    assert 0.5 < moved <= 16 * 10 * 0.01 * 1.0001


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_half_precision_learns_with_float32_weights(one, name):
    assert {weight.dtype for weight in one[name].weights} == {np.dtype("float32")}
    assert one[name].losses[-1] < one[name].losses[0]
    assert one[name].losses != one["plain"].losses


def test_double_precision_is_the_same_training_with_float64_weights(one):
    """The toy's last layer asks for float32."""
    assert [weight.dtype.name for weight in one["float64"].weights] == ["float64"] * 3 + ["float32"] * 2
    np.testing.assert_allclose(one["float64"].losses, one["plain"].losses, rtol=1e-3)
    np.testing.assert_allclose(one["float64 in parts"].losses, one["float64"].losses, rtol=1e-6)


def test_xla_computes_the_same(one):
    np.testing.assert_allclose(one["xla"].losses, one["numbers"].losses, rtol=1e-4)


def test_xla_refuses_strings(one):
    error = one["xla of strings"].error
    assert "train.xla" in error.where
    assert "train.xla: false" in error.remedy


def test_class_of_weight_0_is_ignored(one):
    """Only negatives count, so the predictions and the loss go to 0."""
    assert one["class 0 only"].losses[-1] < 0.6 * one["plain"].losses[-1]


def test_balanced_weights_keep_the_scale(one):
    np.testing.assert_allclose(one["balanced"].losses[0], one["plain"].losses[0], rtol=0.1)
    assert one["balanced"].losses != one["plain"].losses


def test_unknown_class_is_refused(one):
    error = one["no such class"].error
    assert "class 7" in error.what
    assert "train.class_weights" in error.where
    assert "0 … 1" in error.remedy


def test_schedules_change_the_curve(one):
    curves = {tuple(one[name].losses) for name in ("plain", "cosine", "linear")}
    assert len(curves) == 3


def test_warmup_longer_than_the_run_is_refused(one):
    error = one["warmup too long"].error
    assert {"99", "16"} <= set(re.findall(r"\d+", error.what))
    assert "train.schedule.warmup_steps" in error.where


def test_early_stopping_keeps_the_best_epoch(one):
    progress = one["early"].progress
    values = [metrics["val_loss"] for metrics in progress.validation]
    assert progress.stopped_early
    assert progress.epoch < 6
    assert progress.best.value == min(values)
    assert progress.best.step in one["early"].store.steps()


def test_error_of_a_loss_that_is_not_finite_names_step_and_rows(one):
    error = one["not a number"].error
    assert re.search(r"\bnan at step [23]$", error.what)  # rounding decides which
    assert re.search(r"\bepoch 1\b.*\brows .*\d.*\btrain\b", error.where)
    assert "train.clip_norm" in error.remedy


def test_output_that_does_not_fit_the_label_is_refused(one):
    what = one["width"].error.what
    assert all(name in what for name in ("[rows, 3]", "'positive' [rows]", "1 or 2 outputs"))


def test_uncompiled_model_is_refused(one):
    assert "model.compile(" in one["uncompiled"].error.remedy


@pytest.mark.parametrize("kind", ["", " in parts"])
def test_stopped_run_resumes_at_its_step(one, kind):
    """Stopped inside an epoch: every loss is there once, and the weights equal those of a run that was not stopped."""
    stopped, resumed, whole = one[f"stopped{kind}"], one[f"resumed{kind}"], one["whole"]
    assert stopped.reported["stopped"] == 1
    assert stopped.progress.step == len(stopped.losses) < len(whole.losses)
    assert stopped.progress.position == stopped.progress.step % 16
    assert resumed.progress.starts == [0, stopped.progress.step]
    assert resumed.losses == whole.losses
    assert distance(resumed, whole) == 0
    assert resumed.progress.validation == whole.progress.validation


def test_newest_and_best_checkpoints_stay(one):
    whole = one["whole"]
    assert set(whole.store.steps()) == {45, 48} | {whole.progress.best.step}


def test_learning_rate_scheduler_works(one):
    assert one["callbacks"].error is None
    assert one["callbacks"].losses[:16] == one["whole"].losses[:16]
    assert one["callbacks"].losses[32:] != one["whole"].losses[32:]


def test_reduce_lr_on_plateau_works_over_epochs(one):
    assert one["plateau"].losses[:32] == one["whole"].losses[:32]
    assert one["plateau"].losses[40:48] != one["whole"].losses[40:48]


def test_unsupported_callbacks_are_refused_by_name(one):
    error = one["refused"].error
    assert all(name in error.what for name in ("EarlyStopping", "train.early_stopping", "SwapEMAWeights"))
    assert "callbacks" in error.where


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_shard_is_an_error_of_its_own(one, kind):
    """As an error of TensorFlow it would look like the loss of a peer, and training would start again."""
    error = one[kind].error
    assert f"{DAMAGED[kind]}-00000-of-00001.tfrecord" in f"{error.what} {error.where}"
    assert {"CRC", "hash"} & set(re.findall(r"\w+", error.what)) == {"hash" if kind == "hash" else "CRC"}
    assert "firelib transform" in error.remedy
