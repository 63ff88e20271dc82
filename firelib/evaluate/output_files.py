"""The files that an evaluation writes: `dvc.yaml` declares them before they exist. Imports nothing heavy."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from firelib.recipe import Feature, Recipe, TaskKind, infer_task

if TYPE_CHECKING:
    from firelib.config import Params

#: Curves of a binary classifier; each has a PNG, and a CSV for each model.
CURVES = ("roc", "precision_recall", "calibration")

# Boosting scans every column for every class in each iteration, which takes minutes for an image of 784 pixels. Trees
# with random splits take less than one.
_MANY_COLUMNS = 200
_ALL_BASELINES = ("constant", "trees")


def evaluate_outputs(recipe: Recipe, params: "Params") -> list[str]:
    """List the files that `firelib evaluate` writes for a recipe, as its label and the baselines decide.

    Args:
        recipe: The recipe.
        params: Its parameters, of which `evaluate.baselines` counts.

    Returns:
        Paths relative to the project. Those below `metrics/` are metrics of DVC, the others are plots.

    Raises:
        FirelibError: The label is one that `infer_task` refuses.

    Example:
        >>> from firelib.config import load_params
        >>> from firelib.recipe import load_recipe
        >>> from pathlib import Path
        >>> params = load_params(Path("pipelines/fashion_mnist/params.yaml"))
        >>> evaluate_outputs(load_recipe("fashion_mnist"), params)[:2]
        ['metrics/fashion_mnist/test.json', 'metrics/fashion_mnist/baselines.json']
    """
    return _list_outputs(recipe, infer_task(recipe.label), params.evaluate.baselines)


def outputs_of_other_tasks(recipe: Recipe, baselines: Sequence[str]) -> list[str]:
    """List the files that evaluations of this recipe with another label, or with other baselines, may have left.

    Args:
        recipe: The recipe.
        baselines: The baselines of this evaluation.

    Returns:
        Paths relative to the project.
    """
    own = _list_outputs(recipe, infer_task(recipe.label), baselines)
    every = {path for kind in TaskKind for path in _list_outputs(recipe, kind, _ALL_BASELINES)}
    return sorted(every.difference(own))


def _list_outputs(recipe: Recipe, kind: TaskKind, baselines: Sequence[str]) -> list[str]:
    metrics = ["test.json", "baselines.json"]
    if kind in (TaskKind.MULTICLASS, TaskKind.MULTILABEL):
        metrics.append("classes.json")
    plots = [*_task_plots(recipe, kind, baselines), "training.png"]
    return [
        *(f"metrics/{recipe.name}/{name}" for name in metrics),
        *(f"plots/{recipe.name}/{name}" for name in plots),
    ]


def _task_plots(recipe: Recipe, kind: TaskKind, baselines: Sequence[str]) -> list[str]:
    if kind is TaskKind.MULTICLASS:
        mistakes = ["mistakes.png"] if find_image_feature(recipe.features) else []
        return ["confusion.csv", "confusion.png", *mistakes]
    if kind is TaskKind.REGRESSION:
        return ["predicted.png", "residuals.png", "worst_rows.csv"]
    if kind is TaskKind.MULTILABEL:
        return []
    trees = [name_trees(recipe.features, can_boost=not recipe.label.shape)] if "trees" in baselines else []
    models = ["model", *trees]
    return [*(f"{curve}_{model}.csv" for curve in CURVES for model in models), *(f"{curve}.png" for curve in CURVES)]


def name_trees(features: Sequence[Feature], can_boost: bool) -> str:
    """Name the tree baseline that suits a dataset, from its declarations alone.

    Args:
        features: The features.
        can_boost: Whether the label is a single value.

    Returns:
        `boosted_trees`; or `extra_trees` where the features have more than 200 columns or a row has several labels.
    """
    columns = sum(math.prod(feature.shape) for feature in features if reason_to_omit(feature) is None)
    return "boosted_trees" if can_boost and columns <= _MANY_COLUMNS else "extra_trees"


def reason_to_omit(feature: Feature) -> str | None:
    """Say why trees cannot use a feature; None if its declaration does not exclude it."""
    if feature.dtype == "bytes":
        return "bytes are neither numbers nor categories"
    if feature.ragged:
        return "lists of any length are not columns"
    if feature.optional and feature.shape:
        return "optional arrays are not columns"
    return None


def find_image_feature(features: Sequence[Feature]) -> Feature | None:
    """Find the only feature that is an image: uint8 of shape (height, width) or (height, width, 1 or 3) in every row.

    Returns:
        The feature; None if there is no image or more than one.
    """
    images = [feature for feature in features if _is_image(feature)]
    return images[0] if len(images) == 1 else None


def _is_image(feature: Feature) -> bool:
    shape = feature.shape
    has_size = len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
    return feature.dtype == "uint8" and has_size and not feature.optional
