"""Walk through the layers of a model, and look at what the user's own layers call."""

from collections.abc import Iterator
from types import CodeType
from typing import Any


def walk_layers(model: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, layer) for the layers of a model and of the models inside it.

    A layer's own parts, such as the cell of an LSTM, have the path of the layer.

    Args:
        model: A Keras model.
        prefix: Path of the model, with a slash at its end.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from walk_layers(layer, f"{prefix}{layer.name}/")
        else:
            for part in layer._flatten_layers():
                yield f"{prefix}{layer.name}", part


def called_names(layer: Any) -> frozenset[str]:
    """Names that the code of a user's layer mentions: functions, modules, methods. Empty for Keras' own layers."""
    import keras

    if isinstance(layer, keras.layers.Lambda):
        return _names(getattr(layer.function, "__code__", None))
    if type(layer).__module__.partition(".")[0] == "keras":
        return frozenset()
    return _names(getattr(type(layer).call, "__code__", None))


def _names(code: CodeType | None) -> frozenset[str]:
    """Names in a function and in the functions inside it."""
    if code is None:
        return frozenset()
    inner = [_names(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return frozenset(code.co_names).union(*inner)
