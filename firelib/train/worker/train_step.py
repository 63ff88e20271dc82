"""The compiled step: forward, backward, one sum over all workers, one update."""

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.config import Train
from firelib.errors import FirelibError
from firelib.train.class_weights import weighted
from firelib.train.worker.losses import loss_per_row

_SMALL_TABLE = 1 << 18  # elements; summing them whole takes less time than agreeing on the rows that were used


@dataclass(frozen=True)
class Trained:
    """What came of some steps.

    Attributes:
        losses: Of every step; the same on all workers.
        wanted: For each vote, whether any worker wants it; the same on all workers.
        waited: Seconds that this worker waited for data.
    """

    losses: npt.NDArray[np.float32]
    wanted: npt.NDArray[np.bool_]
    waited: float


class TrainStep:
    """Trains on this worker's shares of some global batches, in one call into TensorFlow.

    A row's weight is 1 / (rows of the global batch), so the sum over rows and workers is the batch's mean, whatever the
    number of workers. Losses and votes ride in the gradients' all-reduce: to agree on them costs no message of its own.

    Args:
        strategy: Holds the model's variables.
        model: Compiled; its optimizer must be prepared (`optimizer.prepare`) and built.
        unpack: Makes (features, label, weight) of the tensors of a batch.
        settings: Section `train`.
        world_size: Number of workers.
        class_weights: Weight of class 0, 1, …
    """

    def __init__(
        self,
        strategy: Any,
        model: Any,
        unpack: Callable[..., Any],
        settings: Train,
        world_size: int,
        class_weights: tuple[float, ...] | None,
    ) -> None:
        import tensorflow as tf

        self._strategy, self._model, self._unpack, self._class_weights = strategy, model, unpack, class_weights
        self._parts = settings.accumulate
        self._regularisation = 1 / (world_size * settings.accumulate)
        self._loss_of = loss_per_row(model)
        optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        clips = optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm
        # Gradients of embeddings are lists of rows, some of them twice: their length is that of their sum.
        self._dense = bool(clips) or optimizer is not model.optimizer
        self._inputs = list(model.input) if isinstance(model.input, dict) else None
        self._xla = settings.xla
        self._summed = tf.float64 if settings.precision == "float64" else tf.float32
        self._gradients: Any = self._gradients_of_part
        if self._xla:
            self._gradients = tf.function(self._gradients_of_part, jit_compile=True)
        self._compiled = tf.function(self._steps if settings.steps_per_execution > 1 else self._step)

    def __call__(self, batches: Any, votes: tuple[bool, ...]) -> "Trained":
        """Train on what comes next.

        Args:
            batches: Iterator of a `tf.data.Dataset` of packed batches; with `steps_per_execution`, each has one more
                dimension, the steps. To take a batch in here costs less than to hand it over column by column.
            votes: What this worker wants; every worker gives as many.
        """
        import tensorflow as tf

        try:
            packed, waited = self._compiled(batches, tf.constant(votes, tf.float32))
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if not self._xla:
                raise
            lines = [line.strip() for line in str(error).splitlines() if "nsupported" in line or "nvalid" in line]
            raise FirelibError(
                f"XLA cannot compile this model: {(lines or [type(error).__name__])[0][:300]}",
                where="params.yaml: train.xla",
                remedy="train.xla: false; strings (StringLookup) and lists of any length have no place in XLA",
            ) from error
        losses, wanted = np.split(packed.numpy(), [-len(votes)])
        return Trained(losses, wanted > 0, float(waited))

    def _step(self, batches: Any, votes: Any) -> tuple[Any, Any]:
        batch, waited = _next(batches)
        return self._strategy.run(self._train, args=(batch, votes)), waited

    def _steps(self, batches: Any, votes: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        batch, waited = _next(batches)
        count = tf.shape(batch[-1])[0]
        sums = tf.TensorArray(tf.float32, count)
        for step in tf.range(count):
            one = tf.nest.map_structure(lambda tensor: tensor[step], batch)  # noqa: B023  traced
            sums = sums.write(step, self._strategy.run(self._train, args=(one, votes)))
        losses, votes = tf.split(sums.stack(), [1, len(votes)], axis=1)
        return tf.concat([losses[:, 0], votes[-1]], axis=0), waited

    def _train(self, batch: Any, votes: Any) -> Any:
        """One step on this worker's share; the sums over all workers of loss and votes."""
        import tensorflow as tf

        optimizer, variables = self._model.optimizer, self._model.trainable_variables
        features, label, weight = self._unpack(*batch)
        weight = weighted(weight, label, self._class_weights)
        if self._inputs is not None:  # XLA takes no strings, not even those that the model leaves alone
            features = {name: features[name] for name in self._inputs}
        if self._parts == 1:
            loss, gradients = self._gradients(features, label, weight)
        else:
            loss, gradients = self._gradients_in_parts(features, label, weight)
        used = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
        gradients = [self._summable(gradient, variable) for gradient, variable in used]
        gradients.append(tf.concat([loss[None], tf.cast(votes, self._summed)], axis=0))
        *summed, agreed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        variables = [variable for _, variable in used]
        optimizer.apply([tf.cast(sum_, v.dtype) for sum_, v in zip(summed, variables, strict=True)], variables)
        return tf.cast(agreed, tf.float32)

    def _summable(self, gradient: Any, variable: Any) -> Any:
        """A gradient as it is best summed: lists of rows take two rounds of messages, all of one type travel as one."""
        import tensorflow as tf

        dense = self._dense or prod(variable.shape) <= _SMALL_TABLE
        return tf.cast(tf.convert_to_tensor(gradient) if dense else gradient, self._summed)

    def _gradients_of_part(self, features: Any, label: Any, weight: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        model = self._model
        with tf.GradientTape() as tape:
            losses = tf.cast(self._loss_of(label, model(features, training=True)), self._summed)
            loss = tf.reduce_sum(losses * tf.cast(weight, self._summed))
            if model.losses:  # regularisation: each worker adds its part
                loss += tf.cast(tf.add_n(model.losses), self._summed) * self._regularisation
            scaled = model.optimizer.scale_loss(loss)
        return loss, tape.gradient(scaled, model.trainable_variables)

    def _gradients_in_parts(self, features: Any, label: Any, weight: Any) -> tuple[Any, Any]:
        """The same sums, over one part of the rows after the other."""
        import tensorflow as tf

        rows = weight.shape[0]
        size = -(-rows // self._parts)
        batch = tf.nest.map_structure(lambda tensor: _filled(tensor, rows, size * self._parts), (features, label))
        weight = tf.pad(weight, [[0, size * self._parts - rows]])
        loss = tf.zeros((), self._summed)
        sums = [tf.zeros(variable.shape, variable.dtype) for variable in self._model.trainable_variables]
        for part in tf.range(self._parts):
            start = part * size
            mine = tf.nest.map_structure(lambda tensor: tensor[start : start + size], batch)  # noqa: B023  traced
            more, gradients = self._gradients(*mine, weight[start : start + size])
            loss += more
            sums = [_plus(total, gradient) for total, gradient in zip(sums, gradients, strict=True)]
        return loss, sums


def _next(batches: Any) -> tuple[Any, Any]:
    """The next batch, and the seconds that it was waited for."""
    import tensorflow as tf

    begun = tf.timestamp()
    with tf.control_dependencies([begun]):
        batch = next(batches)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        ended = tf.timestamp()
    with tf.control_dependencies([ended]):  # else TensorFlow may look at the clock when the step is over
        return tf.nest.map_structure(tf.identity, batch, expand_composites=True), ended - begun


def _plus(total: Any, gradient: Any) -> Any:
    import tensorflow as tf

    return total if gradient is None else total + tf.convert_to_tensor(gradient)


def _filled(tensor: Any, rows: int, wanted: int) -> Any:
    """More rows, of weight 0, so that all parts are of one size."""
    import tensorflow as tf

    return tensor if rows == wanted else tf.concat([tensor] + [tensor[:1]] * (wanted - rows), axis=0)
