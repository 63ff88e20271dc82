"""Check the layers of a model: none with state that differs between workers, none that cannot be saved."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

from firelib.train.keras_types import Model
from firelib.train.model.layers import called_names, walk_layers
from firelib.train.model.refusal import Refusal, first_line

_PYTHON_OPS = frozenset({"py_function", "numpy_function"})


def check_layers(model: Model, workers: int, is_whole: bool) -> Iterator[Refusal]:
    """Check every layer, and whether the model can be saved when it is trained.

    Args:
        model: A Keras model.
        workers: Most workers that the run may have.
        is_whole: Whether the model itself is sound, so that a failure to save it is news.
    """
    if is_whole and not model.trainable_variables:
        yield Refusal("the model has no weights to train", "add a layer with weights, or set trainable = True")
    for path, layer in walk_layers(model):
        yield from _check_layer(path, layer, workers)
    if is_whole:
        yield from _check_saving(model)


def _check_layer(path: str, layer: Any, workers: int) -> Iterator[Refusal]:
    import keras

    kind = type(layer).__name__
    if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable:
        if workers > 1 and not layer.synchronized:
            yield Refusal(
                f"layer {path!r} ({kind}) would keep its own mean and variance on each of {workers} workers",
                f"pass synchronized=True to {kind}, set trainable = False on the layer, or set train.workers: 1",
            )
    elif getattr(layer, "stateful", False):
        yield Refusal(
            f"layer {path!r} ({kind}) is stateful: it carries state from one batch to the next, whose rows are others",
            "drop stateful=True: firelib shuffles the rows",
        )
    python = sorted(_PYTHON_OPS & called_names(layer))
    if python:
        yield Refusal(
            f"layer {path!r} ({kind}) calls {', '.join(python)}, which the exported model cannot contain",
            "use operations of keras.ops or TensorFlow in the layer, or compute the column in the recipe's transform",
        )


def _check_saving(model: Model) -> Iterator[Refusal]:
    problem = _find_saving_problem(model)
    if problem is None:
        return
    layers: dict[str, Any] = {}
    for path, layer in walk_layers(model):
        layers.setdefault(path, layer)  # the parts of a layer follow it under the same path
    problems = {path: found for path, layer in layers.items() if (found := _find_saving_problem(layer))}
    for path, found in problems.items():
        yield Refusal(
            f"layer {path!r} ({type(layers[path]).__name__}) cannot be saved: {found}",
            "give the layer a get_config that returns the arguments of its constructor as numbers, strings, lists and "
            "dicts",
        )
    if not problems:
        yield Refusal(
            f"the model cannot be saved: {problem}",
            "give your losses, metrics, optimizers and models a get_config of numbers, strings, lists and dicts",
        )


def _find_saving_problem(part: Any) -> str | None:
    """What `model.save` would fail with; None if it works."""
    import keras

    try:
        with warnings.catch_warnings(action="ignore"):  # the same ones come when the model is saved
            json.dumps(keras.saving.serialize_keras_object(part))
    except Exception as error:  # noqa: BLE001  get_config may be the user's code
        return f"{type(error).__name__}: {first_line(error)}"
    return None
