"""What a label asks of a model: a number, one of two classes, one of several classes, or any of several labels."""

import math
from enum import StrEnum

from firelib.errors import FirelibError
from firelib.recipe.feature import FLOATS, Feature


class TaskKind(StrEnum):
    """The kind of prediction that a label asks for."""

    BINARY = "binary classification"
    MULTICLASS = "multi-class classification"
    MULTILABEL = "multi-label classification"
    REGRESSION = "regression"


def infer_task(label: Feature) -> TaskKind:
    """Infer the task from the declaration of the label.

    Args:
        label: A bool, or a number with `range=(0, 1)`, is one of two classes. An integer with `range=(0, n)` is one of
            n + 1 classes. Any other number is one to estimate. An array of bools, or of integers with `range=(0, 1)`,
            has several labels.

    Returns:
        The task.

    Raises:
        FirelibError: The label is text, bytes or a list of any length, or a row may lack it.

    Example:
        >>> from firelib import Feature
        >>> infer_task(Feature("price", "float32")).value
        'regression'
        >>> infer_task(Feature("kind", "uint8", range=(0, 9))).value
        'multi-class classification'
        >>> infer_task(Feature("topics", "bool", shape=(20,))).value
        'multi-label classification'
    """
    has_two_values = label.dtype == "bool" or label.range == (0, 1)
    if has_two_values and len(label.shape) > 1 and label.dtype not in FLOATS:
        size = math.prod(label.shape)
        raise FirelibError(
            f"expected one axis of labels, got shape {label.shape}",
            where=f"label {label.name!r}",
            remedy=f"declare shape=({size},), and flatten the labels in transform",
        )
    if label.dtype in ("string", "bytes") or label.ragged or label.optional:
        sort = next((name for name in ("ragged", "optional") if getattr(label, name)), f"of dtype {label.dtype}")
        raise FirelibError(
            f"expected a label of numbers in every row, got one that is {sort}",
            where=f"label {label.name!r}",
            remedy="number the classes in transform, and declare Feature(name, 'int64', range=(0, classes - 1))",
        )
    if label.dtype in FLOATS and (label.shape or not has_two_values):
        return TaskKind.REGRESSION
    if has_two_values:
        return TaskKind.MULTILABEL if label.shape else TaskKind.BINARY
    is_class = not label.shape and label.range is not None and label.range[0] == 0
    return TaskKind.MULTICLASS if is_class else TaskKind.REGRESSION


def count_outputs(label: Feature) -> tuple[int, ...]:
    """Numbers of outputs per row that suit a label: the first is the usual one.

    Args:
        label: A label that `infer_task` accepts.
    """
    kind = infer_task(label)
    if kind is TaskKind.BINARY:
        return (1, 2)
    if kind is TaskKind.MULTICLASS:
        assert label.range
        return (int(label.range[1]) + 1,)
    return (math.prod(label.shape),)
