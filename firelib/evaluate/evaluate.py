"""Stage `evaluate`: compare the model with two baselines on the test split."""

from collections.abc import Mapping

from firelib import storage
from firelib.console import progress
from firelib.dataset_store import dataset_uri
from firelib.evaluate.baselines import baselines
from firelib.evaluate.model import TrainedModel
from firelib.evaluate.plots import draw_training
from firelib.evaluate.tasks import probabilities, select_task
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.read.dataset import open_dataset


def evaluate(recipe: Recipe, paths: Paths) -> dict[str, dict[str, float]]:
    """Evaluate the model and its baselines on the test split; write metrics, tables and plots.

    Args:
        recipe: The recipe.
        paths: Paths of its dataset, model, metrics and plots.

    Returns:
        `model` or the name of a baseline → metric → value; the model comes first.

    Raises:
        FirelibError: The dataset or the model is missing, or the label is not a class.
    """
    dataset = open_dataset(dataset_uri(paths))
    label, features = dataset.manifest.label, [fitted.feature for fitted in dataset.manifest.features]
    task = select_task(label, recipe.classes, features)
    assert label
    with progress("evaluate", 3) as advance:
        train, test = dataset.as_numpy("train"), dataset.as_numpy("test")
        train_labels, labels = train.pop(label.name), test.pop(label.name)
        advance(0, note="model")
        scores = {"model": probabilities(TrainedModel(paths.model).predict(test), task.classes)}
        advance(1, note="baselines")
        scores |= baselines(train, train_labels, test, features, task.classes)
        advance(2, note="plots")
        results = {name: task.metrics(labels, score) for name, score in scores.items()}
        task.write(labels, scores, test, paths)
        draw_training(paths.plots)
        advance(3)
    _write(results, paths)
    return results


def _write(results: Mapping[str, Mapping[str, float]], paths: Paths) -> None:
    baseline_results = {name: result for name, result in results.items() if name != "model"}
    storage.write_bytes(str(paths.test_metrics), storage.to_json(results["model"]))
    storage.write_bytes(str(paths.baseline_metrics), storage.to_json(baseline_results))
