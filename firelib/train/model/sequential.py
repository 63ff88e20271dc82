"""Give a `keras.Sequential` model the named inputs that firelib trains, exports and serves by."""

from collections.abc import Mapping
from typing import Any

from firelib.recipe import FittedFeature


def name_inputs(model: Any, features: Mapping[str, FittedFeature]) -> Any:
    """A functional model with the layers of a Sequential one; any other model as it is.

    Args:
        model: What `build_model` returned.
        features: Feature name → feature.

    Returns:
        The functional model, compiled alike. A Sequential model whose input is not clear stays as it is, and is refused
        later: its `keras.Input` names no feature, and there are several; or its first layer does not take a dict.
    """
    import keras

    if type(model) is not keras.Sequential:
        return model
    functional = _from_graph(model, features) if model.built and model.inputs else _from_call(model, features)
    if functional is None:
        return model
    if model.compiled:
        functional.compile(
            optimizer=model.optimizer,
            loss=model.loss,
            loss_weights=model._compile_loss._user_loss_weights if model._compile_loss else None,
            metrics=model._compile_metrics._user_metrics if model._compile_metrics else None,
            weighted_metrics=model._compile_metrics._user_weighted_metrics if model._compile_metrics else None,
        )
    return functional


def _from_graph(model: Any, features: Mapping[str, FittedFeature]) -> Any:
    """The graph of a model that begins with a `keras.Input`: the input of this name, or of the only feature."""
    import keras

    tensor = model.inputs[0]
    name = tensor.name if tensor.name in features else next(iter(features)) if len(features) == 1 else None
    return None if name is None else keras.Model({name: tensor}, model.outputs[0], name=model.name)


def _from_call(model: Any, features: Mapping[str, FittedFeature]) -> Any:
    """The layers, called with the only feature or with a dict of all features."""
    import keras

    inputs = {name: _make_input(fitted) for name, fitted in features.items()}
    output: Any = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    try:
        for layer in model.layers:
            output = layer(output)
    except (ValueError, TypeError, AttributeError):  # the first layer takes one tensor, or another shape
        return None
    return keras.Model(inputs, output, name=model.name)


def _make_input(fitted: FittedFeature) -> Any:
    import keras

    shape = (None,) if fitted.ragged else fitted.shape or (1,)  # most layers take rows of at least one value
    return keras.Input(shape, name=fitted.name, dtype="string" if fitted.dtype == "bytes" else fitted.dtype)
