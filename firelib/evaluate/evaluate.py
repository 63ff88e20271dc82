"""Stage `evaluate`: compare the model with baselines on the test split."""

from collections.abc import Mapping, Sequence

import numpy as np

from firelib import storage
from firelib.console import note, progress
from firelib.console_tables import NOTES
from firelib.dataset_store import dataset_uri
from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.baselines import baselines, describe_weak_trees
from firelib.evaluate.model import TrainedModel
from firelib.evaluate.model_inputs import to_model_inputs
from firelib.evaluate.output_files import outputs_of_other_tasks
from firelib.evaluate.plots import draw_training
from firelib.evaluate.tasks.select import select_task
from firelib.evaluate.tasks.task import Task
from firelib.project_layout import Paths
from firelib.recipe import Feature, Recipe, TaskKind, infer_task
from firelib.tfrecord.format.fixed_decoder import Batch
from firelib.tfrecord.read.dataset import open_dataset

Results = Mapping[str, Mapping[str, float]]


def evaluate(recipe: Recipe, paths: Paths, kinds: Sequence[str] = ("constant", "trees")) -> dict[str, dict[str, float]]:
    """Evaluate the model and its baselines on the test split; write metrics, tables and plots.

    A baseline or a metric that the data do not allow is left out, with a note on the terminal and in the metrics.

    Args:
        recipe: The recipe.
        paths: Paths of its dataset, model, metrics and plots.
        kinds: The baselines: `constant`, `trees`, both or none.

    Returns:
        `model` or the name of a baseline → metric → value; the model comes first.

    Raises:
        FirelibError: The dataset or the model is missing, or the label is text or a list.
    """
    dataset = open_dataset(dataset_uri(paths))
    label, features = dataset.manifest.label, [fitted.feature for fitted in dataset.manifest.features]
    task = select_task(label, recipe.classes, features)
    assert label
    with progress("evaluate", 3) as advance:
        train, test = dataset.as_numpy("train"), dataset.as_numpy("test")
        train_labels, labels = train.pop(label.name), test.pop(label.name)
        if infer_task(label) is TaskKind.BINARY:
            _require_zero_or_one(label, train_labels, labels)
        advance(0, note="model")
        score, notes = _score_model(TrainedModel(paths.model), test, features, task)
        advance(1, note="baselines")
        baseline_scores, baseline_notes = baselines(train, train_labels, test, features, task.estimator, kinds)
        advance(2, note="plots")
        scores = {"model": score, **baseline_scores}
        results = {
            name: task.metrics(labels, score) if len(labels) else {}
            for name, score in scores.items()
            if score is not None
        }
        for path in outputs_of_other_tasks(recipe, kinds):  # they would be shown as if they were of this model
            (paths.project / path).unlink(missing_ok=True)
        task.write(labels, scores, test, paths)
        draw_training(paths.plots, f"{paths.recipe}: loss, {len(train_labels):,} training rows")
        advance(3)
    weak = describe_weak_trees(results, task.estimator.constant_name)
    notes = [*notes, *baseline_notes, *weak, *task.describe_gaps(labels)]
    _write(results, notes, paths)
    for line in notes:
        note(f"note: {line}")
    return {"model": {}, **results}


def _require_zero_or_one(label: Feature, *splits: Labels) -> None:
    """Refuse fractions in a float label, whose declaration does not exclude them."""
    for labels in splits:
        fractions = labels[labels != np.floor(labels)]
        if len(fractions):
            raise FirelibError(
                f"expected labels 0 and 1, got {fractions[0]}",
                where=f"the dataset's label {label.name!r}",
                remedy="for a class, give the label the values 0 and 1 and the dtype int64; for a number to estimate, "
                "such as a share, drop its range",
            )


def _score_model(
    model: TrainedModel, test: Batch, features: Sequence[Feature], task: Task
) -> tuple[Floats | None, list[str]]:
    """Scores [rows, …] and notes; None where the model has no scores to measure."""
    if not len(next(iter(test.values()))):
        return None, ["no metrics: the test split has no rows; increase data.split.test, or lower test_from"]
    outputs = model.predict(to_model_inputs(test, features))
    invalid = int((~np.isfinite(outputs)).reshape(len(outputs), -1).any(axis=1).sum())
    if invalid:
        return None, [f"no metrics of the model: it returns NaN or infinity for {invalid} of {len(outputs)} test rows"]
    scores, remark = task.to_scores(outputs)
    return scores, [remark] if remark else []


def _write(results: Results, notes: Sequence[str], paths: Paths) -> None:
    baseline_results = {name: result for name, result in results.items() if name != "model"}
    model = {**results.get("model", {}), **({NOTES: list(notes)} if notes else {})}
    storage.write_bytes(str(paths.test_metrics), storage.to_json(model))
    storage.write_bytes(str(paths.baseline_metrics), storage.to_json(baseline_results))
