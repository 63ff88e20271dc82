"""The compiled loss of a model per row, and its compiled metrics over many rows."""

from collections.abc import Callable

import numpy as np

from firelib.train.keras_types import Array, Model, Tensor


def build_row_loss(model: Model) -> Callable[[Tensor, Tensor], Tensor]:
    """Build the compiled loss without its mean.

    Returns:
        A function (label [rows, …], prediction [rows, …]) → float32 [rows].
    """
    import keras

    loss = keras.losses.get(model.loss)
    per_row = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def compute_loss(label: Tensor, prediction: Tensor) -> Tensor:
        if keras.backend.standardize_dtype(prediction.dtype) in ("bfloat16", "float16"):
            prediction = keras.ops.cast(prediction, "float32")  # a sum over rows needs more digits than a layer
        return per_row(match_rank(label, prediction), prediction)

    return compute_loss


def has_loss_of_keras(model: Model) -> bool:
    """Whether the compiled loss is one of Keras' own, as opposed to a function or class of the recipe."""
    import keras

    loss = keras.losses.get(model.loss)
    return is_of_keras(type(loss) if isinstance(loss, keras.losses.Loss) else loss)


def is_of_keras(code: object) -> bool:
    """Whether a function or a class is one of Keras' own."""
    return str(getattr(code, "__module__", "")).partition(".")[0] == "keras"


def compute_metrics(model: Model, labels: Array, predictions: Array) -> dict[str, float]:
    """Compute loss and compiled metrics once over all rows; averaging over batches would be wrong for AUC.

    Args:
        model: A compiled model.
        labels: Labels [rows, …].
        predictions: Predictions [rows, …].

    Returns:
        `val_loss`, and `val_<name>` for every compiled metric.
    """
    import keras

    loss = keras.ops.mean(build_row_loss(model)(labels, predictions))
    model.reset_metrics()
    results = model.compute_metrics(None, match_rank(labels, predictions), predictions)
    named = {f"val_{name.lower()}": _to_float(value) for name, value in results.items() if name != "loss"}
    return {"val_loss": float(loss), **named}


def _to_float(value: Tensor) -> float:
    """Convert a metric's result, which may be an array of one number (F1Score of one output)."""
    return float(np.asarray(value).reshape(()))


def match_rank(label: Tensor, prediction: Tensor) -> Tensor:
    """Reshape scalar labels to [rows, 1] if the predictions have that shape.

    Args:
        label: Labels [rows, …].
        prediction: Predictions [rows, …].
    """
    if len(label.shape) == len(prediction.shape) - 1 and prediction.shape[-1] == 1:
        return label[..., None]
    return label
