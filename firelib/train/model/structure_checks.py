"""Check the kind of a model: functional, with the features as named inputs, and without a training step of its own."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from firelib.errors import did_you_mean
from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_layout import has_fixed_size
from firelib.train.keras_types import Model
from firelib.train.model.refusal import Refusal

# Methods that Keras' `fit` and `evaluate` call, and firelib's loop does not.
_IGNORED_METHODS = {
    "train_step": "drop it: write extra losses as layers that call add_loss, or as one loss function",
    "test_step": "drop it: firelib computes the compiled metrics over the whole validation split",
    "predict_step": "drop it: put what it does into layers, which the exported model contains",
    "compute_loss": "drop it: compile one loss function, or call add_loss in a layer",
    "fit": "drop it: firelib trains the model with its own loop",
    "make_train_function": "drop it: firelib trains the model with its own loop",
    "make_test_function": "drop it: firelib computes the compiled metrics over the whole validation split",
}
_TEXT = ("string", "bytes")


def check_structure(model: Any) -> Iterator[Refusal]:
    """Find out whether a model is functional and overrides no method that firelib's loop ignores.

    Args:
        model: What `build_model` returned.
    """
    import keras

    if not isinstance(model, keras.Model):
        yield Refusal(
            f"expected a keras.Model from build_model, got {type(model).__name__}",
            "return the compiled model from build_model",
        )
        return
    kind = type(model).__name__
    if not (hasattr(model, "input") and hasattr(model, "outputs")):
        sort = "a Sequential model" if isinstance(model, keras.Sequential) else "a subclassed model"
        sequential = "begin a Sequential model with keras.Input(…, name='x'), the name of its only feature; or "
        yield Refusal(
            f"model {kind!r} is {sort}, which has no named inputs",
            f"{sequential if type(model) is keras.Sequential else ''}return a functional model with named inputs: "
            "inputs = {'x': keras.Input((), name='x')}, then keras.Model(inputs, output)",
        )
    for name, remedy in _IGNORED_METHODS.items():
        if name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name):
            yield Refusal(f"model {kind!r} overrides {name}, which firelib does not call", f"{name}: {remedy}")


def check_inputs(model: Model, features: Mapping[str, Feature]) -> Iterator[Refusal]:
    """Compare the inputs of a functional model with the features of the dataset.

    Args:
        model: A functional model.
        features: Name → feature.
    """
    named = model.input if isinstance(model.input, dict) else {tensor.name: tensor for tensor in model.inputs}
    unnamed = _find_unexportable(named)
    if unnamed:
        yield Refusal(
            f"a SavedModel cannot have inputs named {', '.join(map(repr, unnamed))}",
            "rename the columns in the recipe's transform: letters, digits and _, a letter first, not different only "
            "in case",
        )
    for name, tensor in named.items():
        feature = features.get(name)
        if feature is None:
            yield Refusal(f"input {name!r} is no feature of the dataset", did_you_mean(name, features))
            continue
        problem = _compare_input(tensor, feature)
        if tensor.shape[0] is not None:
            yield Refusal(
                f"input {name!r} fixes a batch of {tensor.shape[0]} rows, but the workers' shares differ in size",
                "drop batch_size and batch_shape from keras.Input",
            )
        if problem:
            yield Refusal(f"input {name!r}: {problem}", f"declare keras.Input as {_input_of(feature)}")


def _find_unexportable(names: Iterable[str]) -> list[str]:
    """Names that TensorFlow refuses or changes; `model.export` would fail with them when training is done."""
    import tensorflow as tf

    unexportable = []
    with tf.Graph().as_default():
        for name in names:
            try:
                given = tf.compat.v1.placeholder(tf.float32, name=name).op.name
            except ValueError:
                given = ""
            if given != name:
                unexportable.append(name)
    return unexportable


def _compare_input(tensor: Any, feature: Feature) -> str | None:
    if (str(tensor.dtype) == "string") != (feature.dtype in _TEXT):
        return f"expected dtype {feature.dtype}, as the feature, got {tensor.dtype}"
    if "float" in feature.dtype and "int" in str(tensor.dtype):
        return f"dtype {tensor.dtype} would cut the fractions of a {feature.dtype} feature"
    shape = tuple(tensor.shape[1:])
    if has_fixed_size(feature) and not _accepts(shape, feature.shape):
        return f"expected shape {feature.shape}, as the feature, got {shape}"
    return None


def _accepts(expected: tuple[int | None, ...], actual: tuple[int, ...]) -> bool:
    """Whether an input takes an array: Keras adds or drops a last dimension of size 1."""
    forms = [actual, (*actual, 1), *([actual[:-1]] if actual[-1:] == (1,) else [])]
    return any(
        len(form) == len(expected) and all(want in (None, size) for want, size in zip(expected, form, strict=True))
        for form in forms
    )


def _input_of(feature: Feature) -> str:
    dtype = "string" if feature.dtype in _TEXT else feature.dtype
    return f"keras.Input({feature.shape}, name={feature.name!r}, dtype={dtype!r})"
