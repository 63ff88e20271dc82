"""The compiled loss and metrics of a model, by row and over many rows."""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt


def loss_per_row(model: Any) -> Callable[[Any, Any], Any]:
    """The compiled loss without its mean: (label [rows, …], prediction) → float32 [rows]."""
    import keras

    loss = keras.losses.get(model.loss)
    per_row = loss.call if isinstance(loss, keras.losses.Loss) else loss

    def loss_of(label: Any, prediction: Any) -> Any:
        if keras.backend.standardize_dtype(prediction.dtype) in ("bfloat16", "float16"):
            prediction = keras.ops.cast(prediction, "float32")  # layers may be short of digits, a sum over rows not
        return per_row(_like(label, prediction), prediction)

    return loss_of


def metrics_of(model: Any, labels: npt.NDArray[Any], predictions: npt.NDArray[Any]) -> dict[str, float]:
    """Loss and compiled metrics of predictions: computed once on all rows, not averaged."""
    import keras

    loss = keras.ops.mean(loss_per_row(model)(labels, predictions))
    model.reset_metrics()
    results = model.compute_metrics(None, _like(labels, predictions), predictions)
    named = {f"val_{name.lower()}": float(value) for name, value in results.items() if name != "loss"}
    return {"val_loss": float(loss), **named}


def _like(label: Any, prediction: Any) -> Any:
    """Scalar labels as [rows, 1] beside predictions of that shape."""
    if len(label.shape) == len(prediction.shape) - 1 and prediction.shape[-1] == 1:
        return label[..., None]
    return label
