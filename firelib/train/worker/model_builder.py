"""Build the recipe's model and validate it before any row is read: compiled, one output, an output for the label."""

from typing import Any

import numpy as np

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_layout import numpy_dtype
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.keras_types import Model
from firelib.train.peer_loss import is_peer_loss
from firelib.train.run_spec import RunSpec
from firelib.train.worker.losses import build_row_loss

_ROWS = 13  # rows of the trial batch: unlikely to equal the width of an output


def build_model(spec: RunSpec, manifest: Manifest) -> Model:
    """Call the recipe's `build_model` and validate the result.

    Args:
        spec: The run; names the recipe and its model parameters.
        manifest: The dataset; names features and label.

    Raises:
        FirelibError: `build_model` fails, the model is not compiled, or its loss does not fit output and label.
    """
    where = f"recipe {spec.recipe.name!r}, model parameters {dict(spec.model_params)}"
    try:
        model: Model = spec.recipe.build_model(manifest.fitted, spec.model_params)
    except Exception as error:  # the recipe is the user's code: report any error of it, do not restart
        if is_peer_loss(error):
            raise
        raise FirelibError(
            f"build_model failed: {type(error).__name__}: {error}",
            where=where,
            remedy="correct the recipe or section `model` of params.yaml",
        ) from error
    if getattr(model, "optimizer", None) is None or not getattr(model, "loss", None):
        raise FirelibError(
            "expected a compiled model from build_model, got one that is not compiled",
            where=where,
            remedy="call model.compile(optimizer=…, loss=…, metrics=[…]) before you return the model",
        )
    if manifest.label is None:
        raise FirelibError(
            "the dataset has no label",
            where=spec.manifest,
            remedy="declare `label` in the recipe, then run firelib transform",
        )
    _validate_output(model, manifest.label, where)
    return model


def _validate_output(model: Model, label: Feature, where: str) -> None:
    """Compute the loss of a few rows. Some losses silently broadcast shapes that do not fit, so its shape counts."""
    outputs = model.outputs
    if len(outputs) != 1 or isinstance(model.output, dict):
        raise FirelibError(
            f"expected a model with one output, got {len(outputs)} outputs in a {type(model.output).__name__}",
            where=where,
            remedy="return a model with one output, not in a dict: the dataset has one label",
        )
    problem = (
        f"the model's output [rows, {', '.join(map(str, outputs[0].shape[1:]))}] does not fit label {label.name!r} "
        f"[rows{''.join(f', {size}' for size in label.shape)}] under loss {_name_loss(model.loss)}"
    )
    remedy = "change the last layer or the loss: e.g. Dense(1) for a number, Dense(classes) with a sparse_ loss"
    try:
        shape = _compute_loss_shape(model, label)
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise FirelibError(f"{problem}: {str(error).splitlines()[0]}", where=where, remedy=remedy) from error
    if shape != (_ROWS,):
        raise FirelibError(
            f"{problem}: expected one loss per row, got shape {shape[1:]} per row", where=where, remedy=remedy
        )


def _compute_loss_shape(model: Model, label: Feature) -> tuple[int, ...]:
    output_shape = [_ROWS if size is None else size for size in model.outputs[0].shape]
    labels = np.zeros((_ROWS, *label.shape), numpy_dtype(label))
    return tuple(build_row_loss(model)(labels, np.full(output_shape, 0.5, np.float32)).shape)


def _name_loss(loss: Any) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", repr(loss)))
