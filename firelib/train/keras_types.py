"""Structural types of the Keras and TensorFlow objects that training uses.

Neither library ships type information. These protocols name what the code relies on, and importing them is free.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

#: A `tf.Tensor`, `tf.RaggedTensor` or `tf.IndexedSlices`; eager, or symbolic inside a traced function.
Tensor: TypeAlias = Any
Array: TypeAlias = npt.NDArray[Any]


class Variable(Protocol):
    """A weight of a model or the state of an optimizer."""

    dtype: Any
    path: str

    @property
    def shape(self) -> Sequence[int]:
        """Static shape."""

    def assign(self, value: Array) -> Tensor:
        """Replace the value."""


class Optimizer(Protocol):
    """A `keras.optimizers.Optimizer`."""

    learning_rate: Any
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    _learning_rate: Any
    _all_reduce_sum_gradients: Any

    @property
    def variables(self) -> Sequence[Variable]:
        """State of the optimizer, in a stable order."""

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the state for these trainable variables."""

    def apply(self, gradients: Sequence[Tensor], variables: Sequence[Variable]) -> Tensor:
        """Update the variables once."""

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Multiply the loss by the loss scale, if there is one."""


class Model(Protocol):
    """A compiled `keras.Model`."""

    optimizer: Optimizer
    loss: Any
    input: Any
    output: Any
    _compile_loss: Any

    @property
    def inputs(self) -> Sequence[Tensor]:
        """Symbolic inputs."""

    @property
    def outputs(self) -> Sequence[Tensor]:
        """Symbolic outputs."""

    @property
    def variables(self) -> Sequence[Variable]:
        """All weights, in a stable order."""

    @property
    def weights(self) -> Sequence[Variable]:
        """The weights that `get_weights` returns; `variables` also has the states of random seeds."""

    @property
    def trainable_variables(self) -> Sequence[Variable]:
        """Weights that the optimizer updates."""

    @property
    def losses(self) -> Sequence[Tensor]:
        """Regularization losses of the latest call."""

    def __call__(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Forward pass."""

    def get_weights(self) -> list[Array]:
        """Copies of all weights."""

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Assign all weights."""

    def count_params(self) -> int:
        """Number of scalar weights."""

    def save(self, path: Path) -> None:
        """Write a `.keras` file."""

    def export(self, path: str, verbose: bool) -> None:
        """Write a SavedModel."""

    def reset_metrics(self) -> None:
        """Forget what the metrics have accumulated."""

    def compute_metrics(self, x: Tensor, y: Tensor, y_pred: Tensor) -> Mapping[str, float]:
        """Update the compiled metrics and return their results."""


class Strategy(Protocol):
    """A `tf.distribute.Strategy`."""

    extended: Any
    num_replicas_in_sync: int

    def scope(self) -> AbstractContextManager[Any]:
        """Context in which the strategy owns the variables that are created."""

    def run(self, function: Any, args: Sequence[Any] = ()) -> Tensor:
        """Call a function on every replica."""

    def gather(self, value: Tensor, axis: int) -> Tensor:
        """Concatenate every replica's value, on every replica."""


class Callback(Protocol):
    """A `keras.callbacks.Callback`, as far as the training loop calls it."""

    def set_params(self, params: Mapping[str, Any]) -> None:
        """Pass the training's parameters."""

    def set_model(self, model: Model) -> None:
        """Pass the model."""

    def on_train_begin(self) -> None:
        """Before the first step."""

    def on_train_end(self) -> None:
        """After the last step."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """After an epoch, counted from 0."""
