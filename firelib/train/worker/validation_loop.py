"""What all workers find out together: metrics over the whole validation split, and whether their weights are equal."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.errors import FirelibError
from firelib.train.export import weights_sha256
from firelib.train.worker.losses import metrics_of


class Validation:
    """Measures a model whose variables a strategy holds.

    Args:
        strategy: Of all workers.
        model: The model that is trained.
        plain: The same model outside of the strategy, for its metrics.
        alive: Called after every batch: a long validation is no hang.
    """

    def __init__(self, strategy: Any, model: Any, plain: Any, alive: Callable[[], None]) -> None:
        import tensorflow as tf

        self._strategy, self._model, self._plain, self._alive = strategy, model, plain, alive
        self._predict = tf.function(lambda features: model(features, training=False))
        self._gather_all = tf.function(
            lambda mine: strategy.gather(strategy.run(tf.identity, args=(mine,)), axis=0), reduce_retracing=True
        )

    def metrics(self, batches: Iterable[Any]) -> dict[str, float]:
        """Loss and compiled metrics over every worker's (features, label, weight): rows of weight 0 do not count."""
        predictions, labels, weights = (self._gather(column) for column in self._columns(batches))
        real = weights > 0
        if not real.any():
            raise FirelibError(
                "the validation split has no rows",
                where="the dataset's manifest",
                remedy="a larger data.split.validation, then firelib transform",
            )
        return metrics_of(self._plain, labels[real], predictions[real])

    def refuse_drift(self, step: int, run: str) -> None:
        """Workers whose weights differ would go on in silence; the run would be worth nothing."""
        mine = np.frombuffer(bytes.fromhex(weights_sha256(self._model)), np.int32)
        if len({row.tobytes() for row in self._gather(mine[None])}) > 1:
            raise FirelibError(
                f"the weights differ between workers after step {step}",
                where=f"run {run}",
                remedy="a layer keeps state of its own on each worker: make it stateless or synchronised",
            )

    def _columns(self, batches: Iterable[Any]) -> list[npt.NDArray[Any]]:
        """This worker's predictions, labels and weights."""
        parts = []
        for features, label, weight in batches:
            prediction = self._predict(features).numpy()
            prediction = prediction.astype(np.float32) if prediction.dtype.kind in "fV" else prediction
            parts.append((prediction, label.numpy(), weight.numpy()))
            self._alive()
        if not parts:
            return [np.zeros((0, 1), np.float32), np.zeros(0, np.int64), np.zeros(0, np.float32)]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _gather(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Every worker's rows, one after the other, on every worker."""
        import tensorflow as tf

        gathered: npt.NDArray[Any] = self._gather_all(tf.constant(values)).numpy()
        return gathered
