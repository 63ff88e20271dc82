"""Weights of classes, so that rare ones count more (or some not at all)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from firelib.config import Train
from firelib.errors import FirelibError
from firelib.tfrecord.read.dataset import Dataset

_ROWS = 1 << 16


def class_weights(settings: Train, dataset: Dataset) -> tuple[float, ...] | None:
    """The weight of class 0, 1, …; None if all rows weigh the same.

    `balanced` is rows / (classes × rows of the class), as in scikit-learn: the weights' mean over the rows is 1. A
    class that a mapping leaves out weighs 1, as in Keras.

    Raises:
        FirelibError: The label does not number classes.
    """
    wanted = settings.class_weights
    if wanted is None:
        return None
    label = dataset.manifest.label
    if label is None or label.shape or label.ragged or "int" not in label.dtype:
        kind = f"label {label.name!r} is {label.dtype} {label.shape}" if label else "there is no label"
        raise FirelibError(
            f"{kind}: its values are no classes",
            where="params.yaml: train.class_weights",
            remedy="an integer label without a shape, or class_weights: null",
        )
    counts = _counts(dataset)
    return tuple(_mapped(wanted, len(counts)) if isinstance(wanted, Mapping) else _balanced(counts))


def _counts(dataset: Dataset) -> npt.NDArray[np.int64]:
    """Rows of each class of the training split."""
    counts = np.zeros(0, np.int64)
    for _, labels in dataset.as_tf(_ROWS, "train"):
        values = labels.numpy()
        if values.min() < 0:
            raise FirelibError(
                f"the label has the value {values.min()}",
                where="the training split",
                remedy="classes are numbered from 0; or class_weights: null",
            )
        more = np.bincount(values)
        size = max(len(counts), len(more))
        counts = np.pad(counts, (0, size - len(counts))) + np.pad(more, (0, size - len(more)))
    return counts


def _balanced(counts: npt.NDArray[np.int64]) -> list[float]:
    present = counts > 0
    weights = np.divide(counts.sum(), present.sum() * counts, out=np.ones(len(counts)), where=present)
    return [float(weight) for weight in weights]


def _mapped(wanted: Mapping[int, float], classes: int) -> list[float]:
    unknown = sorted(set(wanted) - set(range(classes)))
    if unknown:
        raise FirelibError(
            f"the training split has no class {', '.join(map(str, unknown))}",
            where="params.yaml: train.class_weights",
            remedy=f"classes are 0 … {classes - 1}",
        )
    return [wanted.get(label, 1.0) for label in range(classes)]


def weighted(weight: Any, label: Any, table: tuple[float, ...] | None) -> Any:
    """Weights of rows, times those of their classes. Tensors [rows]."""
    import tensorflow as tf

    return weight if table is None else weight * tf.gather(tf.constant(table, tf.float32), tf.cast(label, tf.int64))
