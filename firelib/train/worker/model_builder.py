"""The recipe's model, checked before any row is read: compiled, one output, an output that fits the label."""

from typing import Any

import numpy as np

from firelib.errors import FirelibError
from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_layout import numpy_dtype
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.run_spec import TrainingJob
from firelib.train.worker.losses import loss_per_row

_ROWS = 13  # of the trial: a number that is hardly the width of an output


def build_model(job: TrainingJob, manifest: Manifest) -> Any:
    """What the recipe's `build_model` returns.

    Raises:
        FirelibError: It fails, is not compiled, or its loss does not take its output and the label together.
    """
    where = f"recipe {job.recipe.name!r}, model parameters {dict(job.model_params)}"
    try:
        model = job.recipe.build_model(manifest.fitted, job.model_params)
    except Exception as error:  # the recipe is the user's code: any error in it is one to report, not to repeat
        raise FirelibError(
            f"build_model failed: {type(error).__name__}: {error}",
            where=where,
            remedy="correct the recipe or section `model` of params.yaml",
        ) from error
    if getattr(model, "optimizer", None) is None or not getattr(model, "loss", None):
        raise FirelibError(
            "build_model returned a model that is not compiled",
            where=where,
            remedy="model.compile(optimizer=…, loss=…, metrics=[…]) before you return it",
        )
    if manifest.label is None:
        raise FirelibError("the dataset has no label", where=job.manifest, remedy="a model is trained towards a label")
    _check_output(model, manifest.label, where)
    return model


def _check_output(model: Any, label: Feature, where: str) -> None:
    """Some losses broadcast what does not fit, in silence: so the loss of a few rows of zeros must be one a row."""
    outputs = model.outputs
    if len(outputs) != 1 or isinstance(model.output, dict):
        raise FirelibError(
            f"the model has {len(outputs)} outputs in a {type(model.output).__name__}",
            where=where,
            remedy="one output, not in a dict: the dataset has one label",
        )
    width = [_ROWS if size is None else size for size in outputs[0].shape]
    problem = (
        f"the model's output [rows, {', '.join(map(str, outputs[0].shape[1:]))}] does not fit label {label.name!r} "
        f"[rows{''.join(f', {size}' for size in label.shape)}] under loss {_name(model.loss)}"
    )
    remedy = "change the last layer or the loss: e.g. Dense(1) for a number, Dense(classes) with a sparse_ loss"
    try:
        labels = np.zeros((_ROWS, *label.shape), numpy_dtype(label))
        shape = tuple(loss_per_row(model)(labels, np.full(width, 0.5, np.float32)).shape)
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise FirelibError(f"{problem}: {str(error).splitlines()[0]}", where=where, remedy=remedy) from error
    if shape != (_ROWS,):
        raise FirelibError(f"{problem}: its loss has shape {shape[1:]} a row", where=where, remedy=remedy)


def _name(loss: Any) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", repr(loss)))
