"""Baselines that a model must beat: a constant, and scikit-learn's trees on the same features."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from firelib.evaluate.arrays import Floats, Labels
from firelib.evaluate.estimators import Estimator
from firelib.evaluate.output_files import name_trees, reason_to_omit
from firelib.machine import free_cores
from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_decoder import Batch

_TREES, _ERRORS = ("boosted_trees", "extra_trees"), ("log_loss", "rmse")
_MOST_CATEGORIES = 250  # per string feature; histogram gradient boosting allows 255


def baselines(
    train: Batch,
    train_labels: Labels,
    test: Batch,
    features: Sequence[Feature],
    estimator: Estimator,
    kinds: Sequence[str] = ("constant", "trees"),
) -> tuple[dict[str, Floats | None], list[str]]:
    """Score the test rows with the baselines that suit the features.

    Args:
        train: Feature name → array [rows, …].
        train_labels: Labels that suit the estimator [rows, …].
        test: The rows to score, as `train`.
        features: The features of the dataset; strings are categories. Columns that trees cannot use are left out.
        estimator: What the baselines predict.
        kinds: `constant`, `trees`, both or none.

    Returns:
        Name of the baseline → its predictions, in the form of the estimator, or None where it cannot be trained; the
        constant comes last. Then notes about what was left out, and why.
    """
    scores: dict[str, Floats | None] = {}
    notes: list[str] = []
    if "trees" in kinds:
        name = name_trees(features, estimator.can_boost)
        scores[name], notes = _score_with_trees(name, train, train_labels, test, features, estimator)
    if "constant" in kinds:
        rows = len(next(iter(test.values())))
        scores[estimator.constant_name] = estimator.predict_constant(train_labels, rows)
    return scores, notes


def describe_weak_trees(results: Mapping[str, Mapping[str, float]], constant: str) -> list[str]:
    """Say where the trees are worse than the constant: a model that beats such trees may still be poor.

    Args:
        results: Name of the model or the baseline → metric → value.
        constant: Name of the constant baseline.

    Returns:
        A note, or none.
    """
    trees = next((name for name in _TREES if name in results), None)
    if trees is None or constant not in results:
        return []
    worse = [
        f"{metric.replace('_', ' ')} {results[trees][metric]:.3g} and {results[constant][metric]:.3g}"
        for metric in _ERRORS
        if results[trees].get(metric, 0.0) > results[constant].get(metric, np.inf)
    ]
    names = f"{trees} is worse than {constant}".replace("_", " ")
    return [f"{names} ({', '.join(worse)}): rare classes or extreme labels mislead it"] if worse else []


def _score_with_trees(
    name: str, train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], estimator: Estimator
) -> tuple[Floats | None, list[str]]:
    """Predictions of the named trees, or None if they cannot be trained; notes. Other arguments as in `baselines`."""
    used, notes = select_columns(train, features)
    trees = extra_trees if name == "extra_trees" else boosted_trees
    problem = estimator.find_problem(train_labels) if used else "no feature is left for it"
    try:
        if not problem:
            return trees(train, train_labels, test, used, estimator), notes
    except (ValueError, MemoryError) as error:  # the model's metrics are worth more than its baseline
        problem = f"{type(error).__name__}: {error}"
    return None, [*notes, f"no {name}: {' '.join(str(problem).split())}"]


def select_columns(train: Batch, features: Sequence[Feature]) -> tuple[list[Feature], list[str]]:
    """Select the features that trees can use.

    Args:
        train: Feature name → array [rows, …].
        features: The features of the dataset.

    Returns:
        The features, in order, and a note for each reason to leave out others.
    """
    reasons = {feature.name: _find_reason(train[feature.name], feature) for feature in features}
    notes = []
    for reason in dict.fromkeys(filter(None, reasons.values())):
        names = ", ".join(name for name, own in reasons.items() if own == reason)
        notes.append(f"the tree baseline leaves out {names}: {reason}")
    return [feature for feature in features if not reasons[feature.name]], notes


def _find_reason(column: Any, feature: Feature) -> str | None:
    reason = reason_to_omit(feature)
    if reason:
        return reason
    if feature.dtype != "string" and np.isnan(_number_column(column, feature)).all():
        return "no training row has a value"
    return None


def boosted_trees(
    train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], estimator: Estimator
) -> Floats:
    """Score rows with histogram gradient boosting: default settings, early stopping. Arguments as in `baselines`."""
    train_table, test_table, strings = _tables(train, test, features)
    categorical = [False] * (train_table.shape[1] - strings) + [True] * strings
    trees = estimator.build_boosting(train_labels, {"categorical_features": categorical})
    # Its threads synchronise in every loop: more threads than idle cores make seconds into minutes.
    with threadpool_limits(limits=free_cores(), user_api="openmp"):
        trees.fit(train_table, _to_target(train_labels))
        return estimator.predict(trees, test_table)


def extra_trees(
    train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], estimator: Estimator
) -> Floats:
    """Score rows with 100 extremely randomised trees; categories are numbers to them. Arguments as in `baselines`."""
    train_table, test_table, _ = _tables(train, test, features)
    forest = estimator.build_forest(train_labels, jobs=free_cores())
    forest.fit(train_table.astype(np.float32), _to_target(train_labels))
    forest.n_jobs = 1  # threads would sum the trees in a varying order, and the last bits would differ
    return estimator.predict(forest, test_table.astype(np.float32))


def _to_target(labels: Labels) -> Labels:
    """Labels as scikit-learn takes them: [rows] for one value per row, otherwise [rows, values]."""
    flat = labels.reshape(len(labels), int(np.prod(labels.shape[1:])))
    return flat[:, 0] if flat.shape[1] == 1 else flat


def _tables(train: Batch, test: Batch, features: Sequence[Feature]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], int]:
    """Training and test rows as numbers [rows, columns], and the number of category columns, which come last."""
    strings = [feature.name for feature in features if feature.dtype == "string"]
    numbers = [feature for feature in features if feature.dtype != "string"]
    train_table, test_table = _numbers(train, numbers), _numbers(test, numbers)
    has_value = ~np.isnan(train_table).all(axis=0)  # an element of a nullable array may be missing in every row
    train_table, test_table = train_table[:, has_value], test_table[:, has_value]
    if strings:
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=_MOST_CATEGORIES
        )
        train_table = np.hstack([train_table, encoder.fit_transform(_strings(train, strings))])
        test_table = np.hstack([test_table, encoder.transform(_strings(test, strings))])
    return train_table, test_table, len(strings)


def _strings(batch: Batch, names: Sequence[str]) -> npt.NDArray[np.object_]:
    """Categories [rows, columns]; a missing optional string is the category ''."""
    columns = [batch[name].astype(object) for name in names]
    return np.stack([np.where(column == None, b"", column) for column in columns], axis=1)  # noqa: E711  elementwise


def _numbers(batch: Batch, features: Sequence[Feature]) -> npt.NDArray[np.float64]:
    """Concatenate features to columns [rows, columns]; missing values become NaN, which the trees support."""
    columns = [np.empty((len(next(iter(batch.values()))), 0))]
    return np.hstack([*columns, *(_number_column(batch[feature.name], feature) for feature in features)])


def _number_column(column: Any, feature: Feature) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = column.astype(np.float64).reshape(len(column), -1)  # None becomes NaN
    return numbers if feature.missing is None else np.where(numbers == feature.missing, np.nan, numbers)
