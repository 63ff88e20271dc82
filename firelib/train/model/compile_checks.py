"""Check what a model is compiled with: one loss per row that fits output and label, metrics that are numbers."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from firelib.errors import FirelibError, did_you_mean
from firelib.recipe import Feature, count_outputs, infer_task
from firelib.tfrecord.format.fixed_layout import numpy_dtype
from firelib.train.keras_types import Array, Model
from firelib.train.model.losses import build_row_loss, match_rank
from firelib.train.model.refusal import Refusal, first_line

_ROWS = 13  # rows of the trial batch: unlikely to equal the width of an output
_MEANS = ("sum_over_batch_size", "mean")  # the same for firelib, which weights rows itself


def check_compiled(model: Model, label: Feature, weighted: bool, is_functional: bool) -> Iterator[Refusal]:
    """Check optimizer, loss, output and metrics.

    Args:
        model: A Keras model.
        label: The label of the dataset.
        weighted: Whether the rows have class weights.
        is_functional: Whether the model's output is known without calling it.
    """
    if getattr(model, "optimizer", None) is None or not getattr(model, "loss", None):
        yield Refusal(
            "expected a compiled model from build_model, got one that is not compiled",
            "call model.compile(optimizer=…, loss=…, metrics=[…]) before you return the model",
        )
        return
    refusals = list(_check_loss(model, weighted))
    yield from refusals
    if is_functional and not isinstance(model.loss, dict | list | tuple):
        problem = _check_output(model, label)
        yield from [problem] if problem else _check_metrics(model, label)


def _check_loss(model: Model, weighted: bool) -> Iterator[Refusal]:
    import keras

    loss = model.loss
    if isinstance(loss, dict | list | tuple):
        several = "a dict" if isinstance(loss, dict) else "a list"
        yield Refusal(f"expected one loss, got {several}", "compile the loss of the only output itself")
        return
    if getattr(model._compile_loss, "_user_loss_weights", None) is not None:
        yield Refusal("firelib does not apply loss_weights", "drop loss_weights, or multiply inside the loss function")
    if not isinstance(loss, keras.losses.Loss):
        return
    reduction = getattr(loss, "reduction", _MEANS[0])
    if reduction not in _MEANS and (weighted or reduction != "mean_with_sample_weight"):
        yield Refusal(
            f"loss {name_loss(loss)!r} has reduction={reduction!r}, but firelib trains on the mean over the batch",
            "drop `reduction` from the loss, and scale train.lr instead",
        )
    if type(loss).__call__ is not keras.losses.Loss.__call__:
        yield Refusal(
            f"loss {name_loss(loss)!r} overrides __call__, which firelib does not call",
            "override call(y_true, y_pred) instead, and return one loss per row",
        )


def _check_output(model: Model, label: Feature) -> Refusal | None:
    """Compute the loss of a few rows. Some losses silently broadcast shapes that do not fit, so its shape counts."""
    outputs = model.outputs
    if len(outputs) != 1 or isinstance(model.output, dict):
        return Refusal(
            f"expected a model with one output, got {len(outputs)} outputs in a {type(model.output).__name__}",
            "return a model with one output, not in a dict: the dataset has one label",
        )
    mismatch = _compare_output(model, label)
    if mismatch:
        return mismatch
    problem = f"{_describe_output(model, label)} under loss {name_loss(model.loss)}"
    remedy = "change the last layer or the loss: e.g. Dense(1) for a number, Dense(classes) with a sparse_ loss"
    labels, predictions = _trial_batch(model, label)
    try:
        row_loss = build_row_loss(model)
    except ValueError:
        return _unknown_loss(model.loss)
    try:
        shape = tuple(row_loss(labels, predictions).shape)
    except Exception as error:  # noqa: BLE001  the loss may be the user's code
        return Refusal(f"{problem}: {first_line(error)}", remedy)
    if shape != (_ROWS,):
        return Refusal(f"{problem}: expected one loss per row, got shape {shape[1:]} per row", remedy)
    return None


def _unknown_loss(loss: Any) -> Refusal:
    import keras

    known = [name for name in dir(keras.losses) if name.islower() and not name.startswith("_")]
    return Refusal(f"loss {name_loss(loss)!r} is unknown to Keras", did_you_mean(name_loss(loss), known))


def _compare_output(model: Model, label: Feature) -> Refusal | None:
    """Compare the size of the output with what `firelib evaluate` needs for the label; some losses take any size."""
    try:
        kind, expected = infer_task(label), count_outputs(label)
    except FirelibError as error:
        return Refusal(error.what, error.remedy or "declare another label")
    sizes = model.outputs[0].shape[1:]
    if None in sizes or int(np.prod(sizes)) in expected:
        return None
    counts = " or ".join(map(str, expected))
    return Refusal(
        f"{_describe_output(model, label)} ({kind}): expected {counts} outputs per row",
        f"end the model with Dense({expected[0]}), or declare the label for what the model predicts: a float for a "
        "number, range=(0, classes - 1) for classes",
    )


def _check_metrics(model: Model, label: Feature) -> Iterator[Refusal]:
    labels, predictions = _trial_batch(model, label)
    model.reset_metrics()
    try:
        results = model.compute_metrics(None, match_rank(labels, predictions), predictions)
    except Exception as error:  # noqa: BLE001  metrics may be the user's code
        yield Refusal(
            f"{_describe_output(model, label)} under the compiled metrics: {first_line(error)}",
            "compile metrics that take this output and this label",
        )
        return
    for name, value in results.items():
        if np.size(value) != 1:
            yield Refusal(
                f"metric {name!r} gives {np.size(value)} numbers",
                f"compile a metric that gives one number for {name!r}, e.g. F1Score(average='macro'); firelib evaluate "
                "reports each class",
            )
    model.reset_metrics()


def _trial_batch(model: Model, label: Feature) -> tuple[Array, Array]:
    """Labels [rows, …] within the label's range, and predictions [rows, …] between 0 and 1."""
    shape = [_ROWS, *(_ROWS if size is None else size for size in model.outputs[0].shape[1:])]
    values = np.resize(np.array(label.range or (0, 0)), (_ROWS, *label.shape))
    return values.astype(numpy_dtype(label)), np.linspace(0.1, 0.9, np.prod(shape), dtype=np.float32).reshape(shape)


def _describe_output(model: Model, label: Feature) -> str:
    output = ", ".join(map(str, model.outputs[0].shape[1:]))
    sizes = "".join(f", {size}" for size in label.shape)
    return f"the model's output [rows, {output}] does not fit label {label.name!r} [rows{sizes}]"


def name_loss(loss: Any) -> str:
    """The name of a loss that is given as a name, an object or a function."""
    return loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", repr(loss)))
