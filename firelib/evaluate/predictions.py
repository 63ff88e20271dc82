"""Name a model's outputs: as an object for each row, and as columns of a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats
from firelib.evaluate.json_values import to_plain
from firelib.evaluate.outputs import describe_invalid, describe_range
from firelib.recipe import FLOATS, Feature, Recipe, TaskKind, count_outputs, infer_task


def require_probabilities(outputs: Floats, label: Feature) -> None:
    """Refuse logits, unless the label is a number to estimate.

    Args:
        outputs: Outputs of the model [rows] or [rows, …].
        label: The label.

    Raises:
        FirelibError: The label is a class, and the outputs are not probabilities.
    """
    kind = infer_task(label)
    if kind is TaskKind.REGRESSION or label.dtype in FLOATS:
        return
    classes = count_outputs(label)[-1]
    are_scores = kind is TaskKind.MULTILABEL or (classes == 2 if outputs.ndim == 1 else outputs.shape[1] == classes)
    invalid = describe_range(outputs) if kind is TaskKind.MULTILABEL else describe_invalid(outputs)
    if invalid and are_scores:
        raise FirelibError(
            f"expected probabilities from the model, got {invalid}",
            where="the recipe's build_model",
            remedy="end the model with a sigmoid or a softmax, or compile its loss with from_logits=True",
        )


def to_objects(outputs: Floats, recipe: Recipe) -> list[Any]:
    """Convert outputs to what JSON shows of each row.

    Args:
        outputs: Outputs of the model [rows] or [rows, …].
        recipe: Declares the label and the names of the classes.

    Returns:
        For each row a number; or for a model with several outputs, class or label → probability by decreasing
        probability. Numbers to estimate stay as they are, but for NaN, which is None, and infinity, which is text.
    """
    values: list[Any] = outputs.tolist()
    if outputs.ndim > 1 and infer_task(recipe.label) is not TaskKind.REGRESSION:
        names = _name_outputs(outputs, recipe)
        values = [dict(sorted(zip(names, row, strict=True), key=lambda pair: -pair[1])) for row in values]
    return values if np.isfinite(outputs).all() else [to_plain(value) for value in values]


def to_columns(outputs: Floats, recipe: Recipe) -> dict[str, pa.Array]:
    """Convert outputs to columns of a table.

    Args:
        outputs: Outputs of the model [rows] or [rows, …].
        recipe: Declares the label and the names of the classes.

    Returns:
        The label's name → a number or a list of numbers. For one of several classes: the label's name → the most
        probable class, and `<label>_<class>` → its probability. For several labels: `<label>_<name>` → probability.
    """
    label = recipe.label.name
    if outputs.ndim == 1:
        return {label: pa.array(outputs)}
    if infer_task(recipe.label) is TaskKind.REGRESSION:
        return {label: pa.array(outputs.tolist())}
    names = _name_outputs(outputs, recipe)
    columns = {f"{label}_{name}": pa.array(outputs[:, index]) for index, name in enumerate(names)}
    if infer_task(recipe.label) is TaskKind.MULTILABEL:
        return columns
    return {label: pa.array(np.asarray(names, object)[outputs.argmax(axis=1)], pa.string()), **columns}


def _name_outputs(outputs: Floats, recipe: Recipe) -> Sequence[str]:
    count, classes = outputs.shape[1], recipe.classes
    return classes if len(classes) == count else [str(index) for index in range(count)]


def rename_label(values: Mapping[str, Any], label: str) -> dict[str, Any]:
    """Rename a row's own label, since the label's name stands for the prediction.

    Args:
        values: Name → value or column.
        label: Name of the label.

    Returns:
        The same values; the label's is named `<label>_actual`.
    """
    return {f"{name}_actual" if name == label else name: value for name, value in values.items()}
