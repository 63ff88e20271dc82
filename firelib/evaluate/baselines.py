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
) -> dict[str, Floats]:
    """Score the test rows with the baselines that suit the features.

    Args:
        train: Feature name → array [rows, …].
        train_labels: Integers from 0 to classes - 1 [rows].
        test: The rows to score, as `train`.
        features: The columns to use; strings are categories.
        classes: Number of classes.

    Returns:
        Name of the baseline → probabilities [rows, classes]; the class prior comes last.
    """
    rows = len(next(iter(test.values())))
    many = sum(int(np.prod(feature.shape)) for feature in features) > _MANY_COLUMNS
    name, trees = ("extra_trees", extra_trees) if many else ("boosted_trees", boosted_trees)
    return {
        name: trees(train, train_labels, test, features, classes),
        "class_prior": class_prior(train_labels, rows, classes),
    }


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
    trees = HistGradientBoostingClassifier(categorical_features=categorical, early_stopping=True, random_state=_SEED)
    # Its threads synchronise in every loop: more threads than idle cores make seconds into minutes.
    with threadpool_limits(limits=free_cores(), user_api="openmp"):
        trees.fit(train_table, train_labels)
        return _predict_all_classes(trees, test_table, classes)


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
    if strings:
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=_MOST_CATEGORIES
        )
        train_table = np.hstack([train_table, encoder.fit_transform(_strings(train, strings))])
        test_table = np.hstack([test_table, encoder.transform(_strings(test, strings))])
    return train_table, test_table, len(strings)


def _strings(batch: Batch, names: Sequence[str]) -> npt.NDArray[np.object_]:
    return np.stack([batch[name].astype(object) for name in names], axis=1)


def _numbers(batch: Batch, features: Sequence[Feature]) -> npt.NDArray[np.float64]:
    """Concatenate features to columns [rows, columns]; missing values become NaN, which the trees support."""
    columns = [np.empty((len(next(iter(batch.values()))), 0))]
    for feature in features:
        column = batch[feature.name].astype(np.float64).reshape(len(batch[feature.name]), -1)
        if feature.missing is not None:
            column = np.where(column == feature.missing, np.nan, column)
        columns.append(column)
    return np.hstack(columns)
