"""Baselines that a model must beat: the class prior, and scikit-learn's trees on the same features."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from firelib.evaluate.arrays import Floats, Labels
from firelib.machine import free_cores
from firelib.recipe import Feature
from firelib.tfrecord.format.fixed_decoder import Batch

_SEED = 0
# Boosting scans every column for every class in each iteration, which takes minutes for an image of 784 pixels. Trees
# with random splits take less than one.
_MANY_COLUMNS = 200
_MOST_CATEGORIES = 250  # per string feature; HistGradientBoostingClassifier allows 255


def baselines(
    train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], classes: int
) -> tuple[dict[str, Floats | None], list[str]]:
    """Score the test rows with the baselines that suit the features.

    Args:
        train: Feature name → array [rows, …].
        train_labels: Integers from 0 to classes - 1 [rows].
        test: The rows to score, as `train`.
        features: The features of the dataset; strings are categories. Columns that trees cannot use are left out.
        classes: Number of classes.

    Returns:
        Name of the baseline → probabilities [rows, classes], or None where it cannot be trained; the class prior comes
        last. Then notes about what was left out, and why.
    """
    used, notes = select_columns(train, features)
    many = sum(int(np.prod(feature.shape)) for feature in used) > _MANY_COLUMNS
    name, trees = ("extra_trees", extra_trees) if many else ("boosted_trees", boosted_trees)
    scores: dict[str, Floats | None] = {name: None}
    problem = _find_problem(used, train_labels)
    try:
        if not problem:
            scores[name] = trees(train, train_labels, test, used, classes)
    except (ValueError, MemoryError) as error:  # the model's metrics are worth more than its baseline
        problem = f"{type(error).__name__}: {error}"
    if problem:
        notes.append(f"no {name}: {' '.join(problem.split())}")
    scores["class_prior"] = class_prior(train_labels, len(next(iter(test.values()))), classes)
    return scores, notes


def _find_problem(features: Sequence[Feature], train_labels: Labels) -> str | None:
    """Why trees cannot be trained; None if they can."""
    if not features:
        return "no feature is left for it"
    if len(np.unique(train_labels)) == 1:
        return f"all {len(train_labels)} training rows have label {int(train_labels[0])}"
    return None


def select_columns(train: Batch, features: Sequence[Feature]) -> tuple[list[Feature], list[str]]:
    """Select the features that trees can use.

    Args:
        train: Feature name → array [rows, …].
        features: The features of the dataset.

    Returns:
        The features, in order, and a note for each reason to leave out others.
    """
    reasons = {feature.name: _reason_to_omit(train[feature.name], feature) for feature in features}
    notes = []
    for reason in dict.fromkeys(filter(None, reasons.values())):
        names = ", ".join(name for name, own in reasons.items() if own == reason)
        notes.append(f"the tree baseline leaves out {names}: {reason}")
    return [feature for feature in features if not reasons[feature.name]], notes


def _reason_to_omit(column: Any, feature: Feature) -> str | None:
    if feature.dtype == "bytes":
        return "bytes are neither numbers nor categories"
    if feature.ragged:
        return "lists of any length are not columns"
    if feature.optional and feature.shape:
        return "optional arrays are not columns"
    if feature.dtype != "string" and np.isnan(_number_column(column, feature)).all():
        return "no training row has a value"
    return None


def class_prior(train_labels: Labels, rows: int, classes: int) -> Floats:
    """Predict each class's share of the training rows.

    Args:
        train_labels: Integers from 0 to classes - 1.
        rows: Number of rows to score.
        classes: Number of classes.

    Returns:
        Probabilities [rows, classes], the same in every row.
    """
    shares = np.bincount(train_labels.astype(np.int64), minlength=classes) / len(train_labels)
    return np.tile(shares, (rows, 1))


def boosted_trees(train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], classes: int) -> Floats:
    """Score rows with histogram gradient boosting: default settings, early stopping. Arguments as in `baselines`."""
    train_table, test_table, strings = _tables(train, test, features)
    categorical = [False] * (train_table.shape[1] - strings) + [True] * strings
    trees = HistGradientBoostingClassifier(
        categorical_features=categorical, early_stopping=_can_hold_out(train_labels), random_state=_SEED
    )
    # Its threads synchronise in every loop: more threads than idle cores make seconds into minutes.
    with threadpool_limits(limits=free_cores(), user_api="openmp"):
        trees.fit(train_table, train_labels)
        return _predict_all_classes(trees, test_table, classes)


def _can_hold_out(labels: Labels) -> bool:
    """Whether the tenth of the rows on which boosting decides to stop can hold every class."""
    _, counts = np.unique(labels, return_counts=True)
    return bool(counts.min() >= 2 and len(labels) // 10 >= len(counts))


def extra_trees(train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], classes: int) -> Floats:
    """Score rows with 100 extremely randomised trees; categories are numbers to them. Arguments as in `baselines`."""
    train_table, test_table, _ = _tables(train, test, features)
    forest = ExtraTreesClassifier(random_state=_SEED, n_jobs=free_cores())
    forest.fit(train_table.astype(np.float32), train_labels)
    forest.n_jobs = 1  # threads would sum the trees in a varying order, and the last bits would differ
    return _predict_all_classes(forest, test_table.astype(np.float32), classes)


def _predict_all_classes(trees: Any, rows: npt.NDArray[Any], classes: int) -> Floats:
    """Probabilities [rows, classes]; zero for a class that the training rows lack."""
    probabilities = np.zeros((len(rows), classes))
    probabilities[:, trees.classes_.astype(np.int64)] = trees.predict_proba(rows)
    return probabilities


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
