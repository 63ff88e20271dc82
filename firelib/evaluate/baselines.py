"""What a model has to beat: the class prior, and scikit-learn's trees on the same features."""

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
# Boosting looks at every column for every class in every round: minutes for the 784 pixels of a small picture. Trees
# that choose their cuts at random take less than one.
_MANY_COLUMNS = 200


def baselines(
    train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], classes: int
) -> dict[str, Floats]:
    """Probabilities of the baselines that fit the features, by name; the class prior comes last.

    Args:
        train: Feature name → array [rows, …].
        train_labels: 0 to classes - 1 [rows].
        test: As `train`, the rows to score.
        features: Which columns to use; those of strings are categories.
        classes: How many classes there are.

    Returns:
        Name → probabilities [rows, classes].
    """
    rows = len(next(iter(test.values())))
    many = sum(int(np.prod(feature.shape)) for feature in features) > _MANY_COLUMNS
    name, trees = ("extra_trees", extra_trees) if many else ("boosted_trees", boosted_trees)
    return {
        name: trees(train, train_labels, test, features, classes),
        "class_prior": class_prior(train_labels, rows, classes),
    }


def class_prior(train_labels: Labels, rows: int, classes: int) -> Floats:
    """The training split's share of each class, for every row."""
    shares = np.bincount(train_labels.astype(np.int64), minlength=classes) / len(train_labels)
    return np.tile(shares, (rows, 1))


def boosted_trees(train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], classes: int) -> Floats:
    """Histogram gradient boosting with its default settings and early stopping; see `baselines`."""
    table, scored, words = _tables(train, test, features)
    categorical = [False] * (table.shape[1] - words) + [True] * words
    trees = HistGradientBoostingClassifier(categorical_features=categorical, early_stopping=True, random_state=_SEED)
    # On a busy machine one thread a core would wait for the others' time slices in every loop: minutes for seconds.
    with threadpool_limits(limits=free_cores(), user_api="openmp"):
        trees.fit(table, train_labels)
        return _of_all_classes(trees, scored, classes)


def extra_trees(train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature], classes: int) -> Floats:
    """A hundred extremely randomised trees with default settings; see `baselines`. Categories are numbers to them."""
    table, scored, _ = _tables(train, test, features)
    forest = ExtraTreesClassifier(random_state=_SEED, n_jobs=free_cores()).fit(table.astype(np.float32), train_labels)
    forest.n_jobs = 1  # threads would add up the trees in any order, and the last bits would differ
    return _of_all_classes(forest, scored.astype(np.float32), classes)


def _of_all_classes(trees: Any, rows: npt.NDArray[Any], classes: int) -> Floats:
    """Probabilities [rows, classes], also where the training rows lacked a class."""
    probabilities = np.zeros((len(rows), classes))
    probabilities[:, trees.classes_.astype(np.int64)] = trees.predict_proba(rows)
    return probabilities


def _tables(train: Batch, test: Batch, features: Sequence[Feature]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], int]:
    """Training and test rows as numbers [rows, columns], and how many of the last columns are categories."""
    words = [feature.name for feature in features if feature.dtype == "string"]
    numbers = [feature for feature in features if feature.dtype != "string"]
    table, scored = _numbers(train, numbers), _numbers(test, numbers)
    if words:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=250)
        table = np.hstack([table, encoder.fit_transform(_words(train, words))])
        scored = np.hstack([scored, encoder.transform(_words(test, words))])
    return table, scored, len(words)


def _words(batch: Batch, names: Sequence[str]) -> npt.NDArray[np.object_]:
    return np.stack([batch[name].astype(object) for name in names], axis=1)


def _numbers(batch: Batch, features: Sequence[Feature]) -> npt.NDArray[np.float64]:
    """Numbers side by side [rows, columns]; missing ones are NaN, which the trees know."""
    columns = [np.empty((len(next(iter(batch.values()))), 0))]
    for feature in features:
        column = batch[feature.name].astype(np.float64).reshape(len(batch[feature.name]), -1)
        if feature.missing is not None:
            column = np.where(column == feature.missing, np.nan, column)
        columns.append(column)
    return np.hstack(columns)
