"""Stage `evaluate`: the test split through the model and through two baselines."""

import os
from collections.abc import Mapping

from rich.table import Table

from firelib import storage
from firelib.console import progress, table
from firelib.errors import FirelibError
from firelib.evaluate.baselines import boosted_trees, class_prior
from firelib.evaluate.metrics import Floats, curves, metrics
from firelib.evaluate.model import TrainedModel
from firelib.evaluate.pictures import draw_training, write_curves
from firelib.paths import Paths
from firelib.tfrecord.reader import open_dataset

_HIGHER_IS_BETTER = {"roc_auc", "average_precision", "accuracy"}


def evaluate(paths: Paths) -> dict[str, dict[str, float]]:
    """Metrics of the model and its baselines on the test split; written with curves and pictures.

    Returns:
        `model`, `boosted_trees`, `class_prior` → metric → value.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    dataset = open_dataset(str(paths.manifest))
    label, features = dataset.manifest.label, [fitted.feature for fitted in dataset.manifest.features]
    if (label.range or ()) != (0, 1) and label.dtype != "bool":
        raise FirelibError(
            f"evaluate knows binary labels; {label.name!r} is {label.dtype} in {label.range}",
            where=f"recipe {dataset.manifest.recipe!r}: label",
            remedy="declare it as Feature(name, 'int64', range=(0, 1))",
        )
    with progress("evaluate", 3) as advance:
        train, test = dataset.as_numpy("train"), dataset.as_numpy("test")
        train_labels, labels = train.pop(label.name), test.pop(label.name)
        advance(0, note="model")
        scores: dict[str, Floats] = {"model": TrainedModel(paths.model).predict(test)}
        advance(1, note="baseline: boosted trees")
        scores["boosted_trees"] = boosted_trees(train, train_labels, test, features)
        scores["class_prior"] = class_prior(train_labels, len(labels))
        advance(2, note="curves")
        results = {name: metrics(labels, score) for name, score in scores.items()}
        write_curves({name: curves(labels, scores[name]) for name in ("model", "boosted_trees")}, paths.plots)
        draw_training(paths.plots)
        advance(3)
    storage.write_bytes(str(paths.metrics / "test.json"), storage.to_json(results))
    return results


def comparison(results: Mapping[str, Mapping[str, float]]) -> Table:
    """Model and baselines side by side; the best value of each metric is marked."""
    names = list(next(iter(results.values())))
    rows = []
    for metric in names:
        values = {name: result[metric] for name, result in results.items()}
        best = (max if metric in _HIGHER_IS_BETTER else min)(values.values())
        cells = [f"[bold]{value:.4f} *[/bold]" if value == best else f"{value:.4f}" for value in values.values()]
        rows.append([metric.replace("_", " "), *cells])
    return table("Test split (* is best)", ["metric", *(name.replace("_", " ") for name in results)], rows)
