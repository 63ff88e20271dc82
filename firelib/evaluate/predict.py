"""Score raw rows with a trained model, under the rules of the dataset that it was trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats
from firelib.evaluate.input_rows.read import InputRows
from firelib.evaluate.input_rows.validation import validate
from firelib.evaluate.model import TrainedModel
from firelib.evaluate.model_inputs import to_model_inputs
from firelib.evaluate.outputs import describe_invalid, describe_range
from firelib.recipe import FLOATS, Feature, Recipe, TaskKind, count_outputs, infer_task


def predict(rows: InputRows, recipe: Recipe, model_folder: Path) -> list[dict[str, Any]]:
    """Score rows with a trained model.

    Args:
        rows: The rows, from `firelib.evaluate.input_rows.read.read_rows`.
        recipe: Declares the features, the label and the names of the classes.
        model_folder: `models/<recipe>`.

    Returns:
        For each row, its columns that are no features, then the label's name → a number, or for a model with several
        outputs, class → probability by decreasing probability. The row's own label is named `<label>_actual`.

    Raises:
        FirelibError: A row breaks a declaration, there is no model, or the model's outputs for a label that is a class
            are not probabilities.
    """
    columns = validate(rows, recipe.features)
    outputs = TrainedModel(model_folder).predict(to_model_inputs(columns, recipe.features))
    _require_probabilities(outputs, recipe.label)
    return [
        {**_pass_through(others, recipe.label.name), recipe.label.name: _name_outputs(output, recipe)}
        for others, output in zip(rows.others, outputs.tolist(), strict=True)
    ]


def _require_probabilities(outputs: Floats, label: Feature) -> None:
    """Refuse logits, unless the label is a number to estimate."""
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


def _pass_through(values: Mapping[str, Any], label: str) -> dict[str, Any]:
    """The values for the output, in which the label's name stands for the prediction."""
    return {f"{name}_actual" if name == label else name: value for name, value in values.items()}


def _name_outputs(output: Any, recipe: Recipe) -> Any:
    """Class or label → probability by decreasing probability; numbers to estimate stay as they are."""
    if not isinstance(output, list) or infer_task(recipe.label) is TaskKind.REGRESSION:
        return output
    classes = recipe.classes
    names = classes if len(classes) == len(output) else [str(index) for index in range(len(output))]
    return dict(sorted(zip(names, output, strict=True), key=lambda pair: -pair[1]))
