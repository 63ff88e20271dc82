from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from firelib.recipe import Feature, FittedFeature
from firelib.train.model.checks import check_model
from firelib.train.model.notes import find_notes
from tests.errors import refused
from tests.train.toy import toy_params

X = FittedFeature(Feature("x", "float32"), count=9, std=1.0)
TEXT = FittedFeature(Feature("text", "string"), count=9, vocabulary=("a",))
LABEL = Feature("y", "int64", range=(0, 1))


def manifest_of(label: Feature | None = LABEL, text: FittedFeature = TEXT, rows: int = 64) -> Any:
    features = (X, text)
    return SimpleNamespace(
        label=label,
        features=features,
        fitted={fitted.feature.name: fitted for fitted in features},
        split=lambda name: SimpleNamespace(rows=rows),
    )


THREE_CLASSES = Feature("y", "int64", range=(0, 2))


def check(model: Any, label: Feature | None = LABEL, workers: int = 2, class_weights: Any = None) -> None:
    spec: Any = SimpleNamespace(
        recipe=SimpleNamespace(name="mine"),
        model_params={"lr": 0.1},
        params=toy_params(workers=workers),
        manifest="manifest.json",
        class_weights=class_weights,
    )
    check_model(model, spec, manifest_of(label), 1)


@pytest.fixture(scope="module")
def models() -> Any:
    from tests.train.model import models

    return models


REFUSED: dict[str, list[str | tuple[str | int, ...]]] = {
    "no model": ["keras.Model", "dict"],
    "train_step": [("OwnStep", "train_step")],
    "train_step of the instance": ["train_step"],
    "compute_loss": [("OwnLoss", "compute_loss")],
    "subclassed": [("Subclassed", "subclassed")],
    "sequential": [("Sequential", "inputs")],
    "unbuilt": [("Sequential", "inputs")],
    "unknown input": ["xx"],
    "unexportable": [("X", "a number", "_y")],
    "uncompiled": ["compiled"],
    "sum": [("binary_crossentropy", "sum")],
    "none": [("mean_squared_error", "None")],
    "list of losses": ["list"],
    "loss_weights": ["loss_weights"],
    "__call__": [("own", "__call__")],
    "two outputs": ["2 outputs"],
    "width": [("[rows, 3]", "'y' [rows]", "binary", "1 or 2 outputs")],
    "metric of many numbers": [("per_class", 3)],
    "metric that fails": ["metrics"],
    "batch norm": [("bn", "BatchNormalization", 2)],
    "nested batch norm": ["inner/bn"],
    "stateful": [("memory", "LSTM", "stateful"), ("x", 64)],
    "unsaved": [("mine", "Unsaved")],
    "python": [("mine", "InPython", "numpy_function")],
    "frozen": ["no weights to train"],
}
ACCEPTED = (
    "plain",
    "synchronized",
    "frozen batch norm",
    "mean",
    "weighted mean",
    "one F1",
    "lambda",
    "own layer",
    "own metrics",
    "one input",
    "list of inputs",
    "own loss",
)
NOTED = (
    "dropout",
    "noise",
    "alpha dropout",
    "nested dropout",
    "lstm",
    "own noise",
    "lambda",
    "own loss",
    "activity",
)


@pytest.mark.parametrize("kind", REFUSED)
def test_model_is_refused(models: Any, kind: str) -> None:
    with refused(what=REFUSED[kind], where="'mine'") as caught:
        check(models.REFUSED[kind](), THREE_CLASSES if kind.startswith("metric") else LABEL)
    assert caught.value.remedy


@pytest.mark.parametrize("kind", ACCEPTED)
def test_model_is_accepted(models: Any, kind: str) -> None:
    check(models.ACCEPTED[kind]())


def test_all_findings_are_in_one_error(models: Any) -> None:
    model = models.compiled(
        models.layers.BatchNormalization(name="bn"),
        kind=models.OwnStep,
        loss=models.losses.BinaryCrossentropy(reduction="sum"),
        metrics=[models.PerClass(name="per_class")],
    )
    with refused(
        what=["train_step", ("binary_crossentropy", "sum"), "per_class", "bn"],
        remedy=["train_step", "reduction", "F1Score(average='macro')", "synchronized=True"],
    ):
        check(model)


def test_one_worker_may_normalise_batches(models: Any) -> None:
    check(models.compiled(models.layers.BatchNormalization()), workers=1)


def test_weighted_mean_is_refused_with_class_weights(models: Any) -> None:
    model = models.compiled(loss=models.losses.BinaryCrossentropy(reduction="mean_with_sample_weight"))
    with refused(what="mean_with_sample_weight"):
        check(model, class_weights=(1.0, 2.0))


def test_missing_label_is_refused(models: Any) -> None:
    with refused(where="manifest.json", remedy="label"):
        check(models.compiled(), label=None)


@pytest.mark.parametrize(
    ("shape", "dtype", "problem"), [((), "string", "string"), ((2,), "float32", "(2,)"), ((), "int32", "int32")]
)
def test_input_that_does_not_fit_its_feature_is_refused(models: Any, shape: Any, dtype: str, problem: str) -> None:
    x, text = models.keras.Input(shape, name="x", dtype=dtype), models.keras.Input((1,), name="text", dtype="string")
    index = models.layers.StringLookup(vocabulary=["a"])(text)
    model = models.finish({"x": x, "text": text}, models.keras.ops.cast(index, "float32"))
    with refused(what=[("x", problem)], remedy="keras.Input((), name='x', dtype='float32')"):
        check(model)


def notes(model: Any, rows: int = 64, text: FittedFeature = TEXT) -> list[str]:
    return list(find_notes(model, manifest_of(rows=rows, text=text), toy_params().train))


@pytest.mark.parametrize("kind", NOTED)
def test_layer_whose_numbers_depend_on_the_workers_is_named(models: Any, kind: str) -> None:
    (note,) = notes(models.compiled(models.NOTED[kind]()))
    assert "train.workers" in note
    assert "mine" in note


def test_layers_are_named_in_one_note(models: Any) -> None:
    (note,) = notes(
        models.compiled(lambda x: models.layers.Dropout(0.1, name="b")(models.layers.GaussianNoise(0.1, name="a")(x)))
    )
    assert "a, b" in note


def test_layers_without_random_numbers_are_not_named(models: Any) -> None:
    assert notes(models.compiled(models.layers.Dropout(0.0))) == []
    assert notes(models.compiled(lambda x: models.layers.LSTM(2)(x[:, :, None]))) == []
    assert notes(models.compiled(models.layers.Dense(2, kernel_regularizer="l2"))) == []


def test_padding_of_the_last_batch_is_noted(models: Any) -> None:
    model = models.compiled(models.layers.BatchNormalization(name="bn", synchronized=True))
    (note,) = notes(model, rows=65)
    assert "bn" in note
    assert notes(model, rows=64) == []


def test_free_text_is_noted(models: Any) -> None:
    (note,) = notes(models.compiled(), text=replace(TEXT, vocabulary=()))
    assert "'text'" in note
