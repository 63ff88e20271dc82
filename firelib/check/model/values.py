"""Look at what a model computes: values that are not finite, outputs that are no probabilities."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from firelib.evaluate.arrays import Floats
from firelib.evaluate.outputs import describe_invalid, describe_range
from firelib.recipe import Feature, TaskKind, infer_task
from firelib.train.keras_types import Model

_BOUNDS = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}


class Operation(NamedTuple):
    """An operation of a model.

    Attributes:
        name: Its name in the model.
        kind: Its class, such as `Dense` or `Log`.
    """

    name: str
    kind: str


def find_first_not_finite(model: Model, inputs: Any) -> Operation | None:
    """Find the operation whose infinite or NaN values spread to the output of a functional model.

    Values that are not finite, but replaced before they reach the output, are no mistake.

    Args:
        model: The model.
        inputs: A batch as the model takes it.

    Returns:
        The operation; None if the model is not functional, or its outputs are finite.
    """
    import keras

    operations = getattr(model, "operations", None)
    if operations is None:
        return None
    makers = {id(tensor): operation for operation in operations for tensor in _tensors(operation.output)}
    probe = keras.Model(model.input, [operation.output for operation in operations])
    broken = {
        id(operation)
        for operation, values in zip(operations, probe(inputs), strict=True)
        if not all(_is_finite(value) for value in _leaves(values))
    }
    found = next((makers[id(tensor)] for tensor in _tensors(model.output) if id(makers[id(tensor)]) in broken), None)
    while found is not None and not isinstance(found, keras.layers.InputLayer):
        above = (makers.get(id(tensor)) for tensor in _tensors(found.input))
        spreads = next((operation for operation in above if operation and id(operation) in broken), None)
        if spreads is None:
            break
        found = spreads
    return Operation(found.name, type(found).__name__) if found is not None else None


def _leaves(values: Any) -> Iterator[Any]:
    if isinstance(values, Mapping):
        values = list(values.values())
    if isinstance(values, list | tuple):
        for value in values:
            yield from _leaves(value)
    else:
        yield values


def _tensors(structure: Any) -> list[Any]:
    return list(_leaves(structure))


def _is_finite(value: Any) -> bool:
    flat = getattr(value, "flat_values", value)  # of a ragged tensor
    return not flat.dtype.is_floating or bool(np.isfinite(np.asarray(flat, np.float64)).all())


def explain_no_probabilities(model: Model, outputs: Floats, label: Feature) -> str | None:
    """What is wrong with outputs that the loss takes for probabilities.

    Args:
        model: A compiled model.
        outputs: What it returns for some rows [rows, …].
        label: The label, whose declaration decides the task.

    Returns:
        Their range; None if they are probabilities, or need not be: of numbers, of logits, for a loss of the user's.
    """
    task = infer_task(label)
    if task is TaskKind.REGRESSION or not _takes_probabilities(model.loss):
        return None
    outputs = np.asarray(outputs, np.float64)
    if outputs.ndim > 1 and outputs.shape[-1] > 1 and task is not TaskKind.MULTILABEL:
        return describe_invalid(outputs)
    return describe_range(outputs)


class Bounds(NamedTuple):
    """Labels that a model cannot reach.

    Attributes:
        what: Both ranges.
        outside: Share of the labels.
    """

    what: str
    outside: float


def explain_bounded_output(model: Model, labels: Floats, label: Feature) -> Bounds | None:
    """What is wrong with a last activation whose values are not those of a label that is a number.

    Args:
        model: The model.
        labels: Values of the label [rows, …].
        label: The label, whose declaration decides the task.

    Returns:
        These labels; None if the label is a class, or the last layer can reach all labels.
    """
    layers: list[Any] = getattr(model, "layers", [])
    name = getattr(getattr(layers[-1], "activation", None), "__name__", "") if layers else ""
    if infer_task(label) is not TaskKind.REGRESSION or name not in _BOUNDS:
        return None
    low, high = _BOUNDS[name]
    values = np.asarray(labels, np.float64)
    outside = float(np.mean((values < low) | (values > high)))
    if not outside:
        return None
    reached = f"values from {low:g} to {high:g}" if np.isfinite(high) else f"no value below {low:g}"
    what = (
        f"the output of the model ends with {name}, which gives {reached}, but the label {label.name!r} goes from "
        f"{values.min():g} to {values.max():g}: {outside:.0%} of the rows are out of reach"
    )
    return Bounds(what, outside)


def _takes_probabilities(loss: Any) -> bool:
    import keras

    found = keras.losses.get(loss)
    if not (getattr(found, "__module__", "") or type(found).__module__).startswith("keras."):
        return False
    name = getattr(found, "__name__", type(found).__name__).lower()
    settings = found.get_config() if isinstance(found, keras.losses.Loss) else {}
    return "crossentropy" in name.replace("_", "") and not settings.get("from_logits")
