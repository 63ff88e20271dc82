"""The compiled train step: forward and backward pass, one sum over all workers, one update of the weights."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.config import Train
from firelib.errors import FirelibError
from firelib.keras_import import pause_garbage_collector
from firelib.train.class_weights import apply_class_weights
from firelib.train.keras_types import Model, Optimizer, Strategy, Tensor, Variable
from firelib.train.model.losses import build_row_loss, has_loss_of_keras, is_of_keras

_SMALL_TABLE = 1 << 18  # elements; summing such a table densely is faster than agreeing on the rows that were used


@dataclass(frozen=True)
class StepResult:
    """Result of one call of the train step.

    Attributes:
        losses: Loss of every step, float32 [steps]; the same on all workers.
        votes: For each vote, whether any worker voted for it, bool [votes]; the same on all workers.
        data_seconds: Seconds that this worker waited for data.
    """

    losses: npt.NDArray[np.float32]
    votes: npt.NDArray[np.bool_]
    data_seconds: float


class TrainStep:
    """Trains on this worker's shares of one or several global batches, in one call into TensorFlow.

    A row's weight is 1 / (rows of the global batch). The sum over rows and workers is therefore the mean over the
    global batch, for any number of workers. Loss and votes are part of the gradients' all-reduce, so agreeing on them
    needs no message of its own.

    Args:
        strategy: The strategy that owns the model's variables.
        model: The compiled model. Its optimizer is prepared (`prepare_optimizer`) and built.
        unpack: Splits the tensors of a packed batch into (features, label, weights).
        settings: Section `train`.
        world_size: Number of workers.
        class_weights: Weight of class 0, 1, …, or None.
    """

    def __init__(
        self,
        strategy: Strategy,
        model: Model,
        unpack: Callable[..., tuple[dict[str, Tensor], Tensor, Tensor]],
        settings: Train,
        world_size: int,
        class_weights: tuple[float, ...] | None,
    ) -> None:
        import tensorflow as tf

        self._strategy, self._model, self._unpack, self._class_weights = strategy, model, unpack, class_weights
        self._parts = settings.accumulate
        self._regularization = 1 / (world_size * settings.accumulate)
        self._row_loss = build_row_loss(model)
        optimizer: Optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        clips = optimizer.clipnorm or optimizer.clipvalue or optimizer.global_clipnorm
        # The gradient of an embedding is a list of rows, some of them twice. Its norm is only right after they are
        # summed, so clipping and loss scaling need it dense.
        self._dense = bool(clips) or optimizer is not model.optimizer
        self._inputs = list(model.input) if isinstance(model.input, dict) else None
        self._xla = settings.xla
        self._sum_dtype = tf.float64 if settings.precision == "float64" else tf.float32
        self._gradients: Callable[..., tuple[Tensor, Any]] = self._compute_gradients
        if self._xla:
            self._gradients = tf.function(self._compute_gradients, jit_compile=True)
        # AutoGraph converts loops and conditions over tensors. Without any, it takes a fifth of the tracing in vain; it
        # never converts layers, which Keras calls.
        own = [each for each in (optimizer, model.optimizer) if not is_of_keras(type(each))]
        converts = settings.steps_per_execution > 1 or settings.accumulate > 1 or own or not has_loss_of_keras(model)
        step = self._run_steps if settings.steps_per_execution > 1 else self._run_step
        self._compiled = tf.function(step, autograph=bool(converts))

    def __call__(self, batches: Iterator[Tensor], votes: tuple[bool, ...]) -> StepResult:
        """Train on the next batch.

        Args:
            batches: Iterator of a `tf.data.Dataset` of packed batches; with `steps_per_execution`, each has the steps
                as its first dimension. Taking the batch inside the compiled function is faster than passing in its
                columns.
            votes: What this worker votes for. Every worker passes the same number of votes.

        Returns:
            Losses, the outcome of the votes, and the time this worker waited for data.

        Raises:
            FirelibError: XLA cannot compile the model.
        """
        import tensorflow as tf

        try:
            with pause_garbage_collector():  # tracing makes many objects and no garbage
                packed, waited = self._compiled(batches, tf.constant(votes, tf.float32))
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            if not self._xla:
                raise
            raise _translate_xla_error(error) from error
        losses, counts = np.split(packed.numpy(), [-len(votes)])
        return StepResult(losses, counts > 0, float(waited))

    def _run_step(self, batches: Iterator[Tensor], votes: Tensor) -> tuple[Tensor, Tensor]:
        batch, waited = _take_batch(batches)
        return self._strategy.run(self._train, args=(batch, votes)), waited

    def _run_steps(self, batches: Iterator[Tensor], votes: Tensor) -> tuple[Tensor, Tensor]:
        import tensorflow as tf

        batch, waited = _take_batch(batches)
        count = tf.shape(batch[-1])[0]
        sums = tf.TensorArray(tf.float32, count)
        for step in tf.range(count):
            one = tf.nest.map_structure(lambda tensor: tensor[step], batch)  # noqa: B023  traced
            sums = sums.write(step, self._strategy.run(self._train, args=(one, votes)))
        losses, votes = tf.split(sums.stack(), [1, len(votes)], axis=1)
        return tf.concat([losses[:, 0], votes[-1]], axis=0), waited

    def _train(self, batch: Tensor, votes: Tensor) -> Tensor:
        """One step on this worker's share. Returns the sums of loss and votes over all workers."""
        import tensorflow as tf

        optimizer, variables = self._model.optimizer, self._model.trainable_variables
        features, label, weights = self._unpack(*batch)
        weights = apply_class_weights(weights, label, self._class_weights)
        if self._inputs is not None:  # XLA cannot take strings, even if the model does not use them
            features = {name: features[name] for name in self._inputs}
        compute = self._gradients if self._parts == 1 else self._accumulate_gradients
        loss, gradients = compute(features, label, weights)
        used = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
        gradients = [self._prepare_for_sum(gradient, variable) for gradient, variable in used]
        gradients.append(tf.concat([loss[None], tf.cast(votes, self._sum_dtype)], axis=0))
        *summed, agreed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        variables = [variable for _, variable in used]
        optimizer.apply([tf.cast(sum_, v.dtype) for sum_, v in zip(summed, variables, strict=True)], variables)
        return tf.cast(agreed, tf.float32)

    def _prepare_for_sum(self, gradient: Tensor, variable: Variable) -> Tensor:
        """Make a gradient dense, unless the table is large, and cast it.

        A list of rows needs two rounds of messages. Gradients of one dtype travel in one message.
        """
        import tensorflow as tf

        dense = self._dense or prod(variable.shape) <= _SMALL_TABLE
        return tf.cast(tf.convert_to_tensor(gradient) if dense else gradient, self._sum_dtype)

    def _compute_gradients(self, features: Tensor, label: Tensor, weights: Tensor) -> tuple[Tensor, Any]:
        import tensorflow as tf

        model = self._model
        with tf.GradientTape() as tape:
            losses = tf.cast(self._row_loss(label, model(features, training=True)), self._sum_dtype)
            loss = tf.reduce_sum(losses * tf.cast(weights, self._sum_dtype))
            if model.losses:  # every worker and every part adds its share of the regularization
                loss += tf.cast(tf.add_n(model.losses), self._sum_dtype) * self._regularization
            scaled = model.optimizer.scale_loss(loss)
        return loss, tape.gradient(scaled, model.trainable_variables)

    def _accumulate_gradients(self, features: Tensor, label: Tensor, weights: Tensor) -> tuple[Tensor, Any]:
        """The same sums, computed on one part of the rows after another to save memory."""
        import tensorflow as tf

        rows = weights.shape[0]
        size = -(-rows // self._parts)
        batch = tf.nest.map_structure(lambda tensor: _pad_rows(tensor, rows, size * self._parts), (features, label))
        weights = tf.pad(weights, [[0, size * self._parts - rows]])
        loss = tf.zeros((), self._sum_dtype)
        sums = [tf.zeros(variable.shape, variable.dtype) for variable in self._model.trainable_variables]
        for part in tf.range(self._parts):
            start = part * size
            own = tf.nest.map_structure(lambda tensor: tensor[start : start + size], batch)  # noqa: B023  traced
            more, gradients = self._gradients(*own, weights[start : start + size])
            loss += more
            sums = [_add_gradient(total, gradient) for total, gradient in zip(sums, gradients, strict=True)]
        return loss, sums


def _translate_xla_error(error: Exception) -> FirelibError:
    lines = [line.strip() for line in str(error).splitlines() if "nsupported" in line or "nvalid" in line]
    return FirelibError(
        f"XLA cannot compile this model: {(lines or [type(error).__name__])[0][:300]}",
        where="params.yaml: train.xla",
        remedy="set train.xla: false; XLA supports neither strings (StringLookup) nor ragged features",
    )


def _take_batch(batches: Iterator[Tensor]) -> tuple[Tensor, Tensor]:
    """The next batch, and the seconds that the worker waited for it."""
    import tensorflow as tf

    begun = tf.timestamp()
    with tf.control_dependencies([begun]):
        batch = next(batches)
    with tf.control_dependencies(tf.nest.flatten(batch, expand_composites=True)):
        ended = tf.timestamp()
    with tf.control_dependencies([ended]):  # otherwise TensorFlow may read the clock after the step
        return tf.nest.map_structure(tf.identity, batch, expand_composites=True), ended - begun


def _add_gradient(total: Tensor, gradient: Tensor | None) -> Tensor:
    import tensorflow as tf

    return total if gradient is None else total + tf.convert_to_tensor(gradient)


def _pad_rows(tensor: Tensor, rows: int, wanted: int) -> Tensor:
    """Append rows, which get weight 0, so that all parts have the same size."""
    import tensorflow as tf

    return tensor if rows == wanted else tf.concat([tensor] + [tensor[:1]] * (wanted - rows), axis=0)
