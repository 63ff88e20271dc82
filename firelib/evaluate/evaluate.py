"""Stage `evaluate`: the test split through the model and through two baselines."""

from collections.abc import Mapping

from firelib import storage
from firelib.console import progress
from firelib.errors import FirelibError
from firelib.evaluate.baselines import boosted_trees, class_prior
from firelib.evaluate.metrics import Floats, curves, metrics
from firelib.evaluate.model import TrainedModel
from firelib.evaluate.pictures import draw_training, write_curves
from firelib.paths import Paths
from firelib.tfrecord.reader import open_dataset


def evaluate(paths: Paths) -> dict[str, dict[str, float]]:
    """Metrics of the model and its baselines on the test split; written with curves and pictures.

    Returns:
        `model`, `boosted_trees`, `class_prior` → metric → value.
    """
    dataset = open_dataset(str(paths.manifest))
    label, features = dataset.manifest.label, [fitted.feature for fitted in dataset.manifest.features]
    if label is None or ((label.range or ()) != (0, 1) and label.dtype != "bool"):
        raise FirelibError(
            f"evaluate knows binary labels; this one is {label}",
            where=f"dataset {dataset.manifest.recipe!r}: label",
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
    _write(results, paths)
    return results


def _write(results: Mapping[str, Mapping[str, float]], paths: Paths) -> None:
    baselines = {name: result for name, result in results.items() if name != "model"}
    storage.write_bytes(str(paths.test_metrics), storage.to_json(results["model"]))
    storage.write_bytes(str(paths.baseline_metrics), storage.to_json(baselines))
