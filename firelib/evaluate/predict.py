"""Score raw rows with a trained model, under the rules of the dataset that it was trained on."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from firelib.console import note
from firelib.evaluate.arrays import Floats
from firelib.evaluate.input_rows.prepare import has_prepare
from firelib.evaluate.input_rows.problems import ProblemReport
from firelib.evaluate.input_rows.read import InputRows
from firelib.evaluate.input_rows.validation import find_problems, validate
from firelib.evaluate.model import TrainedModel
from firelib.evaluate.model_inputs import to_model_inputs
from firelib.evaluate.prediction_files import PredictionWriter
from firelib.evaluate.predictions import rename_label, require_probabilities, to_objects
from firelib.recipe import Recipe
from firelib.tfrecord.format.arrow_columns import to_columns


def predict(rows: InputRows, recipe: Recipe, model_folder: Path) -> list[dict[str, Any]]:
    """Score rows with a trained model.

    Args:
        rows: The rows, from `firelib.evaluate.input_rows.read.read_rows`.
        recipe: Declares the features, the label and the names of the classes.
        model_folder: `models/<recipe>`.

    Returns:
        For each row, its key and its columns that are no features, then the label's name → a number, or for a model
        with several outputs, class → probability by decreasing probability. The row's own label is named
        `<label>_actual`.

    Raises:
        FirelibError: A row breaks a declaration, there is no model, or the model's outputs for a label that is a class
            are not probabilities.
    """
    columns = validate(rows, recipe.features)
    outputs = score(columns, recipe, TrainedModel(model_folder))
    return [
        {**rename_label(others, recipe.label.name), recipe.label.name: value}
        for others, value in zip(rows.others, to_objects(outputs, recipe), strict=True)
    ]


def score(columns: Mapping[str, Any], recipe: Recipe, model: TrainedModel) -> Floats:
    """Score validated columns.

    Args:
        columns: Feature name → column, as `validate` returns it.
        recipe: Declares the features and the label.
        model: The model.

    Returns:
        The model's outputs [rows] or [rows, …].

    Raises:
        FirelibError: The label is a class, and the outputs are not probabilities.
    """
    outputs = model.predict(to_model_inputs(columns, recipe.features))
    require_probabilities(outputs, recipe.label)
    return outputs


def predict_batches(batches: Iterable[InputRows], recipe: Recipe, model_folder: Path, writer: PredictionWriter) -> int:
    """Score rows batch by batch, and write the predictions.

    After the first invalid row, the other batches are only checked.

    Args:
        batches: The rows, from `firelib.evaluate.input_rows.read.read_batches`.
        recipe: Declares the features, the label and the names of the classes.
        model_folder: `models/<recipe>`.
        writer: Receives the predictions.

    Returns:
        Number of rows.

    Raises:
        FirelibError: As for `predict`. The problems of all batches are named at once.
    """
    report, model, rows, where = ProblemReport(), None, 0, ""
    empty = [feature.name for feature in recipe.features if feature.nullable]
    for batch in batches:
        empty = [name for name in empty if batch.columns[name].null_count == batch.problems.rows]
        cast, where = find_problems(batch, recipe.features), batch.where
        report.add(batch.problems)
        rows += batch.problems.rows
        if report.is_empty:
            model = model or TrainedModel(model_folder)
            outputs = score(to_columns(cast, recipe.features), recipe, model)
            writer.write(batch, outputs)
    report.require_none(where, has_prepare(recipe))
    if empty and rows > 1:
        note(f"no row has a value of {', '.join(map(repr, empty))}; the model predicts without: is a column missing?")
    return rows
