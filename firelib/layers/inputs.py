"""Encode the raw values of all features as one vector: numbers normalised, words embedded, missing values flagged."""

from collections.abc import Iterator, Mapping
from typing import Any

from firelib.recipe import FLOATS, Feature, FittedFeature

_TEXT = ("string", "bytes")
_LEAST_STD = 1e-6


def encode_inputs(
    features: Mapping[str, FittedFeature], embedding: int = 16, words: int = 16_384, length: int = 256
) -> tuple[dict[str, Any], Any]:
    """Make the inputs of a model and one vector of all features, from their statistics on the training split.

    Numbers get mean 0 and variance 1; where values are missing in training, a missing value becomes 0 beside a flag
    of 1. A number that never varies in training becomes 0, since the model can learn nothing from it. A string with
    `max_length` becomes the embedding of the value, with one more for unknown values. Other strings become the mean
    embedding of their words, and lists the mean of their elements' embeddings or numbers.

    Args:
        features: What `build_model` gets.
        embedding: Size of the vector of a value or word.
        words: Number of different words that are told apart, by their hash; rarer ones may share one.
        length: Number of words or elements of a value that count; the others are cut off.

    Returns:
        Inputs by the names of the features, for `keras.Model`; and a tensor [rows, width].

    Example:
        inputs, hidden = encode_inputs(features, embedding=8)
        output = keras.layers.Dense(1, name="price")(hidden)
        model = keras.Model(inputs, output)
    """
    import keras

    inputs = {name: _make_input(fitted.feature) for name, fitted in features.items()}
    parts = [*_encode_scalars(inputs, features)]
    for name, fitted in features.items():
        feature, value = fitted.feature, inputs[name]
        if feature.ragged:
            parts.append(_encode_list(value, fitted, embedding, words, length))
        elif feature.dtype in _TEXT:
            is_category = bool(feature.max_length and fitted.vocabulary)
            parts.append(
                _embed_value(value, fitted, embedding)
                if is_category
                else _embed_words(value, name, embedding, words, length)
            )
        elif feature.shape:
            parts.append(keras.layers.Flatten()(_normalise(value[..., None], [fitted])))
    return inputs, parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)


def _make_input(feature: Feature) -> Any:
    import keras

    dtype = "string" if feature.dtype in _TEXT else feature.dtype
    if feature.ragged:
        return keras.Input((None,), name=feature.name, dtype=dtype, ragged=True)
    return keras.Input(feature.shape, name=feature.name, dtype=dtype)


def _encode_scalars(inputs: Mapping[str, Any], features: Mapping[str, FittedFeature]) -> Iterator[Any]:
    """All numbers in one tensor: one operation for each of them would cost time in each step."""
    import keras

    numbers = [
        fitted
        for fitted in features.values()
        if not (fitted.feature.dtype in _TEXT or fitted.feature.shape or fitted.feature.ragged)
    ]
    if numbers:
        columns = [_cast(inputs[fitted.feature.name], fitted.feature) for fitted in numbers]
        yield _normalise(keras.ops.stack(columns, axis=-1), numbers)


def _cast(value: Any, feature: Feature) -> Any:
    """Numbers in float64, in which times and large integers are exact; NaN where an integer is missing."""
    import keras

    number = keras.ops.cast(value, "float64")
    if feature.missing is None or feature.dtype in FLOATS:
        return number
    return keras.ops.where(keras.ops.equal(value, feature.missing), float("nan"), number)


def _varies(fitted: FittedFeature) -> bool:
    """Whether training has two values: any other value of a constant column would be millions of deviations away."""
    return fitted.std > 0 and (fitted.minimum is None or fitted.minimum != fitted.maximum)


def _has_values(fitted: FittedFeature) -> bool:
    """Whether training has a value; otherwise a flag would always be 1 there, and its weight would mean nothing."""
    return fitted.std > 0 or fitted.minimum is not None


def _normalise(values: Any, numbers: list[FittedFeature]) -> Any:
    """Normalised values, and flags for the columns with missing values in training [..., columns + flagged columns].

    Args:
        values: Numbers [..., columns].
        numbers: Statistics of each column.
    """
    import keras
    import numpy as np

    values = keras.ops.cast(values, "float64")
    mean = np.array([fitted.mean for fitted in numbers])
    scale = np.array([1 / max(fitted.std, _LEAST_STD) if _varies(fitted) else 0.0 for fitted in numbers])
    missing = keras.ops.isnan(values)
    normal = keras.ops.cast(keras.ops.where(missing, 0.0, (values - mean) * scale), "float32")
    flagged = [index for index, fitted in enumerate(numbers) if fitted.missing and _has_values(fitted)]
    if not flagged:
        return normal
    flags = keras.ops.cast(keras.ops.take(missing, np.array(flagged), axis=-1), "float32")
    return keras.ops.concatenate([normal, flags], axis=-1)


def _embed_value(value: Any, fitted: FittedFeature, width: int) -> Any:
    import keras

    name = fitted.feature.name
    index = keras.layers.StringLookup(vocabulary=list(fitted.vocabulary), name=f"{name}_index")(value)
    return keras.layers.Embedding(len(fitted.vocabulary) + 1, width, name=f"{name}_embedding")(index)


def _embed_words(text: Any, name: str, width: int, words: int, length: int) -> Any:
    from firelib.layers.hashing import HashedWords

    return _mean_embedding(HashedWords(words, length, name=f"{name}_words")(text), name, width, words)


def _encode_list(values: Any, fitted: FittedFeature, width: int, words: int, length: int) -> Any:
    """The mean embedding of texts and integers, which are taken for names; the mean of other numbers."""
    from firelib.layers.hashing import HashedItems, MeanOfItems

    name, dtype = fitted.feature.name, fitted.feature.dtype
    if dtype in FLOATS:
        return _normalise(MeanOfItems(name=f"{name}_mean")(values), [fitted])
    return _mean_embedding(HashedItems(words, length, name=f"{name}_items")(values), name, width, words)


def _mean_embedding(numbers: Any, name: str, width: int, words: int) -> Any:
    """The mean of the embeddings of numbers other than 0; 0 if there is none."""
    import keras

    present = keras.ops.cast(keras.ops.not_equal(numbers, 0), "float32")[..., None]
    vectors = keras.layers.Embedding(words + 1, width, name=f"{name}_embedding")(numbers) * present
    return keras.ops.sum(vectors, axis=1) / keras.ops.maximum(keras.ops.sum(present, axis=1), 1.0)
