"""Validate over all workers: metrics of the whole validation split, and a check that all weights are equal."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from firelib.errors import FirelibError
from firelib.train.export import hash_weights
from firelib.train.keras_types import Array, Model, Strategy, Tensor
from firelib.train.worker.losses import compute_metrics


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
        self._predict = tf.function(lambda features: model(features, training=False))
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
                remedy="increase data.split.validation, then run firelib transform",
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
        own = np.frombuffer(bytes.fromhex(hash_weights(self._model)), np.int32)
        if len({row.tobytes() for row in self._gather(own[None])}) > 1:
            raise FirelibError(
                f"the weights differ between workers after step {step}",
                where=f"run {run_id}",
                remedy="find the layer that keeps its own state on each worker; make it stateless or synchronized",
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

    def _gather(self, values: Array) -> Array:
        """Concatenate the rows of all workers, in the order of their ranks."""
        import tensorflow as tf

        gathered: Any = self._gather_all(tf.constant(values)).numpy()
        return np.asarray(gathered)
