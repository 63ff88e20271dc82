"""Class weights: rows of rare classes can count more, rows of some classes not at all."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from firelib.config import Train
from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.read.dataset import Dataset
from firelib.train.keras_types import Tensor

_WHERE = "params.yaml: train.class_weights"


def compute_class_weights(settings: Train, dataset: Dataset) -> tuple[float, ...] | None:
    """Compute the weight of every class that params.yaml asks for.

    `balanced` is rows / (classes × rows of the class), the formula of scikit-learn's `compute_class_weight`: the mean
    weight of a row is 1. A class that a mapping does not name weighs 1, as in Keras' `fit`.

    Args:
        settings: Section `train`.
        dataset: Its training split is counted.

    Returns:
        The weight of class 0, 1, …; None if all rows weigh the same.

    Raises:
        FirelibError: The label holds no class numbers, or the mapping names a class that does not exist.
    """
    wanted = settings.class_weights
    if wanted is None:
        return None
    label = _require_class_label(dataset.manifest.label)
    counts = _count_classes(dataset, label.name)
    return tuple(_fill_mapping(wanted, len(counts)) if isinstance(wanted, Mapping) else _balance(counts))


def _require_class_label(label: Feature | None) -> Feature:
    if label is not None and not label.shape and not label.ragged and "int" in label.dtype:
        return label
    actual = f"label {label.name!r} of dtype {label.dtype} and shape {label.shape}" if label else "no label"
    raise FirelibError(
        f"class weights need a scalar integer label, got {actual}",
        where=_WHERE,
        remedy="set train.class_weights: null, or declare an integer label without a shape",
    )


def _count_classes(dataset: Dataset, label: str) -> npt.NDArray[np.int64]:
    """Rows of every class in the training split: int64 [classes]. The driver counts them, without TensorFlow."""
    counts = np.zeros(0, np.int64)
    for part in dataset.read_parts("train"):
        more = np.bincount(_require_class_numbers(part[label]))
        size = max(len(counts), len(more))
        counts = np.pad(counts, (0, size - len(counts))) + np.pad(more, (0, size - len(more)))
    return counts


def _require_class_numbers(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if labels.min() < 0:
        raise FirelibError(
            f"expected class numbers from 0, got label {labels.min()}",
            where=f"{_WHERE}; the training split",
            remedy="number the classes from 0 in the recipe's transform, or set train.class_weights: null",
        )
    return labels


def _balance(counts: npt.NDArray[np.int64]) -> list[float]:
    present = counts > 0
    weights = np.divide(counts.sum(), present.sum() * counts, out=np.ones(len(counts)), where=present)
    return [float(weight) for weight in weights]


def _fill_mapping(wanted: Mapping[int, float], classes: int) -> list[float]:
    unknown = sorted(set(wanted) - set(range(classes)))
    if unknown:
        raise FirelibError(
            f"the training split has no class {', '.join(map(str, unknown))}",
            where=_WHERE,
            remedy=f"name only classes 0 … {classes - 1}",
        )
    return [wanted.get(label, 1.0) for label in range(classes)]


def apply_class_weights(weights: Tensor, label: Tensor, table: tuple[float, ...] | None) -> Tensor:
    """Multiply the weights of rows by the weights of their classes.

    Args:
        weights: float32 [rows].
        label: Class numbers, an integer tensor [rows].
        table: Weight of class 0, 1, …; None leaves the weights as they are.

    Returns:
        float32 [rows].
    """
    import tensorflow as tf

    return weights if table is None else weights * tf.gather(tf.constant(table, tf.float32), tf.cast(label, tf.int64))
