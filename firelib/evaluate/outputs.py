"""Convert what a model returns to probabilities."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats

_MOSTLY = 0.5
_TOLERANCE = 1e-3  # a softmax in float32 or in bfloat16 sums to 1 up to rounding


def find_logits_loss(model: Path) -> str | None:
    """Find the loss of a model that returns logits.

    Args:
        model: The `.keras` file.

    Returns:
        Class name of the loss, if it is one of Keras' own with `from_logits=True`; otherwise None. What a loss of the
        user computes from logits is not known.
    """
    with zipfile.ZipFile(model) as archive:
        compiled = json.loads(archive.read("config.json")).get("compile_config") or {}
    loss: Any = compiled.get("loss")
    loss = loss[0] if isinstance(loss, list) and len(loss) == 1 else loss
    if not isinstance(loss, dict) or loss.get("registered_name") or not str(loss.get("module")).startswith("keras."):
        return None
    if not (loss.get("config") or {}).get("from_logits"):
        return None
    return str(loss["class_name"])


def apply_activation(logits: Floats, loss: str) -> Floats:
    """Apply the activation that a loss with `from_logits=True` applies.

    Args:
        logits: Outputs of the model [rows, outputs].
        loss: Class name of the loss.

    Returns:
        The sigmoid of each output for a binary loss, otherwise the softmax of each row.
    """
    return sigmoid(logits) if loss.startswith("Binary") else softmax(logits)


def sigmoid(logits: Floats) -> Floats:
    """The sigmoid of each value, without overflow."""
    small = np.exp(-np.abs(logits))
    values: Floats = np.where(logits >= 0, 1, small) / (1 + small)
    return values


def softmax(logits: Floats) -> Floats:
    """The softmax of each row, without overflow."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    values: Floats = powers / powers.sum(axis=-1, keepdims=True)
    return values


def describe_invalid(outputs: Floats) -> str | None:
    """Say what is wrong with outputs that are not probabilities.

    Args:
        outputs: Probability of class 1 [rows], or of each class [rows, classes].

    Returns:
        The range or the sums of the values; None for probabilities, and for no rows.
    """
    if not outputs.size:
        return None
    problem = describe_range(outputs)
    if problem:
        return problem
    low, high = outputs.min(), outputs.max()
    sums = outputs.sum(axis=-1) if outputs.ndim > 1 else np.ones(1)
    if not np.allclose(sums, 1, atol=_TOLERANCE):
        return f"values from {low:.3g} to {high:.3g} whose sums are {sums.min():.3g} to {sums.max():.3g}"
    return None


def describe_range(outputs: Floats) -> str | None:
    """The range of values that are not all between 0 and 1, for errors; None if they are, and for no values."""
    if not outputs.size:
        return None
    low, high = outputs.min(), outputs.max()
    is_valid = low >= 0 and high <= 1 + _TOLERANCE  # not for NaN
    return None if is_valid else f"values from {low:.3g} to {high:.3g}"


def to_probabilities(outputs: Floats, classes: int) -> tuple[Floats, str | None]:
    """Convert a model's outputs to probabilities.

    Args:
        outputs: Finite values: the probability or the logit of class 1 [rows], or of each class [rows, classes].
        classes: Number of classes.

    Returns:
        The probability of each class [rows, classes]; a note if the outputs are not probabilities and were converted.
        If most of the values are in [0, 1], the outputs are estimates of probabilities, and are clipped.

    Raises:
        FirelibError: The outputs have another shape.
    """
    is_single = outputs.ndim == 1 and classes == 2
    if not is_single and outputs.shape[1:] != (classes,):
        raise FirelibError(
            f"expected outputs of shape {(classes,)} for {classes} classes, got {outputs.shape[1:]}",
            where="the recipe's build_model",
            remedy=f"end the model with Dense({classes}, activation='softmax')",
        )
    invalid = describe_invalid(outputs)
    if invalid and is_single and np.mean((outputs >= 0) & (outputs <= 1)) > _MOSTLY:
        clipped = f"the model returns {invalid}, not probabilities: firelib clipped them; end the model with a sigmoid"
        positive = outputs.clip(0, 1)
        return np.stack([1 - positive, positive], axis=1), clipped
    note = invalid and (
        f"the model returns {invalid}, not probabilities: firelib applied a {'sigmoid' if is_single else 'softmax'}; "
        f"end the model with {'a sigmoid' if is_single else 'a softmax'}"
    )
    if is_single:
        positive = sigmoid(outputs) if invalid else outputs.clip(0, 1)
        return np.stack([1 - positive, positive], axis=1), note
    if invalid:
        return softmax(outputs), note
    normalized: Floats = outputs / outputs.sum(axis=1, keepdims=True)
    return normalized, None
