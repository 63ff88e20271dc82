"""What a user should know about a model that firelib trains nevertheless."""

from collections.abc import Iterator
from typing import Any

from firelib.config import Train
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.keras_types import Model
from firelib.train.model.layers import called_names, walk_layers

_RATES = ("rate", "stddev", "dropout", "recurrent_dropout")


def find_notes(model: Model, manifest: Manifest, settings: Train) -> Iterator[str]:
    """Yield a line for each property of a model that may surprise.

    Args:
        model: A model that `check_model` accepts.
        manifest: The dataset.
        settings: Section `train`.
    """
    layers = list(walk_layers(model))
    dependent = dict.fromkeys(
        path for path, layer in layers if _draws_random_numbers(layer) or _adds_loss_of_batch(layer)
    )
    if dependent:
        yield (
            f"results depend on train.workers: {_list(dependent)} draw random numbers, or add a loss, for the rows of "
            "one worker"
        )
    padded = dict.fromkeys(path for path, layer in layers if _counts_padding(layer))
    if padded and manifest.split("train").rows % settings.global_batch_size:
        yield f"the last batch of an epoch is filled up with rows of weight 0, which {_list(padded)} count too"
    for name, fitted in manifest.fitted.items():
        if fitted.feature.dtype == "string" and fitted.count and not fitted.vocabulary:
            yield f"feature {name!r} is free text: it has too many distinct values for a vocabulary"


def _list(names: dict[str, None]) -> str:
    return f"{'layer' if len(names) == 1 else 'layers'} {', '.join(names)}"


def _draws_random_numbers(layer: Any) -> bool:
    """Whether a layer draws random numbers in training: by a seed generator of Keras, or in code of the user."""
    rates = [rate for name in _RATES if isinstance(rate := getattr(layer, name, None), int | float)]
    if rates and not any(rates):
        return False
    return bool(layer._seed_generators) or "random" in called_names(layer)


def _adds_loss_of_batch(layer: Any) -> bool:
    """Whether a layer adds a loss of its output. Those of weights are the same on all workers."""
    return getattr(layer, "activity_regularizer", None) is not None or "add_loss" in called_names(layer)


def _counts_padding(layer: Any) -> bool:
    import keras

    return isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
