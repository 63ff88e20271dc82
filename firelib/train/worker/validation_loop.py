"""Validate over all workers: metrics of the whole validation split, and a check that all weights are equal."""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import numpy as np

from firelib.errors import FirelibError
from firelib.train.keras_types import Array, Model, Strategy, Tensor
from firelib.train.model.losses import compute_metrics

_MOST_NAMES = 5


class Validation:
    """Validates a model whose variables a strategy owns.

    Args:
        strategy: The strategy over all workers.
        model: The model that is trained.
        plain: The same model, built outside of the strategy; computes the metrics.
        record_progress: Called after every batch, so that a long validation does not look like a stall.
    """

    def __init__(self, strategy: Strategy, model: Model, plain: Model, record_progress: Callable[[], None]) -> None:
        import tensorflow as tf

        self._model, self._plain, self._record_progress = model, plain, record_progress
        self._inputs = list(model.input) if isinstance(model.input, dict) else None
        self._predict = tf.function(lambda features: model(self._select(features), training=False))
        self._gather_all = tf.function(
            lambda own: strategy.gather(strategy.run(tf.identity, args=(own,)), axis=0), reduce_retracing=True
        )

    def compute_metrics(self, batches: Iterable[tuple[Tensor, Tensor, Tensor]]) -> dict[str, float]:
        """Compute loss and compiled metrics over the batches of all workers. Rows of weight 0 are padding.

        Args:
            batches: This worker's (features, label, weights).

        Returns:
            `val_loss`, and `val_<name>` for every compiled metric; the same on all workers.

        Raises:
            FirelibError: The validation split has no rows.
        """
        predictions, labels, weights = (self._gather(column) for column in self._predict_all(batches))
        real = weights > 0
        if not real.any():
            raise FirelibError(
                "the validation split has no rows",
                where="the dataset's manifest",
                remedy="increase data.split.validation, or choose other cut dates, then run firelib transform",
            )
        return compute_metrics(self._plain, labels[real], predictions[real])

    def require_equal_weights(self, step: int, run_id: str) -> None:
        """Compare the weights of all workers. If they drifted apart, training would go on unnoticed and be worthless.

        Args:
            step: Steps done, for the error.
            run_id: Id of the run, for the error.

        Raises:
            FirelibError: The weights differ.
        """
        own = np.stack([_digest(weight) for weight in self._model.get_weights()])
        gathered = self._gather(own[None])  # [workers, weights, digest]
        differs = (gathered != gathered[0]).any(axis=(0, 2))
        if differs.any():
            names = [weight.path for weight, differ in zip(self._model.weights, differs, strict=True) if differ]
            listed = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
            raise FirelibError(
                f"weights differ between workers after step {step}: {listed}",
                where=f"run {run_id}",
                remedy="make the layer that updates these weights stateless or synchronized, or set train.workers: 1",
            )

    def _predict_all(self, batches: Iterable[tuple[Tensor, Tensor, Tensor]]) -> list[Array]:
        """This worker's predictions, labels and weights."""
        parts = []
        for features, label, weights in batches:
            prediction = self._predict(features).numpy()
            prediction = prediction.astype(np.float32) if prediction.dtype.kind in "fV" else prediction
            parts.append((prediction, label.numpy(), weights.numpy()))
            self._record_progress()
        if not parts:
            return [np.zeros((0, 1), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32)]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _select(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """The features that the model takes: Keras matches a dict that has more names by position."""
        return features if self._inputs is None else {name: features[name] for name in self._inputs}

    def _gather(self, values: Array) -> Array:
        """Concatenate the rows of all workers, in the order of their ranks."""
        import tensorflow as tf

        gathered: Any = self._gather_all(tf.constant(values)).numpy()
        return np.asarray(gathered)


def _digest(weight: Array) -> Array:
    """SHA-256 of a weight: int32 [8], since collectives carry numbers."""
    return np.frombuffer(sha256(weight.tobytes()).digest(), np.int32)
