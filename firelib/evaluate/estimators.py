"""What the baselines predict: classes, several labels at once, or numbers."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from firelib.evaluate.arrays import Floats, Labels

_SEED = 0
_TREES = 100  # scikit-learn's default
_FOREST_BYTES = 1 << 30


class Estimator(Protocol):
    """A kind of target for trees.

    Attributes:
        constant_name: Name of the baseline that gives every row the same prediction.
        can_boost: Whether boosted trees can learn the target.
    """

    constant_name: str
    can_boost: bool

    def predict_constant(self, labels: Labels, rows: int) -> Floats:
        """Predict the same for every row, from the training labels.

        Args:
            labels: Training labels [rows, …].
            rows: Number of rows to score.
        """

    def find_problem(self, labels: Labels) -> str | None:
        """Why trees cannot learn these training labels; None if they can."""

    def build_boosting(self, labels: Labels, options: Mapping[str, Any]) -> Any:
        """Histogram gradient boosting, not trained.

        Args:
            labels: Training labels [rows, …].
            options: More options of scikit-learn.
        """

    def build_forest(self, labels: Labels, jobs: int) -> Any:
        """100 extremely randomised trees, not trained, which need at most 1 GiB.

        Args:
            labels: Training labels [rows, …].
            jobs: Number of threads.
        """

    def predict(self, trees: Any, table: npt.NDArray[Any]) -> Floats:
        """Predict with trained trees.

        Args:
            trees: What one of the other methods built.
            table: Rows to score [rows, columns].
        """


class ClassEstimator:
    """Predicts the probability of each class [rows, classes].

    Args:
        classes: Number of classes; labels are integers from 0 to classes - 1 [rows].
    """

    constant_name, can_boost = "class_prior", True

    def __init__(self, classes: int) -> None:
        self._classes = classes

    def predict_constant(self, labels: Labels, rows: int) -> Floats:
        """Each class's share of the training rows."""
        shares = np.bincount(labels.astype(np.int64), minlength=self._classes) / len(labels)
        return np.tile(shares, (rows, 1))

    def find_problem(self, labels: Labels) -> str | None:
        """Trees need two classes."""
        return _find_constant(labels)

    def build_boosting(self, labels: Labels, options: Mapping[str, Any]) -> Any:
        """Early stopping, if the tenth of the rows on which it decides can hold every class."""
        _, counts = np.unique(labels, return_counts=True)
        can_stop = bool(counts.min() >= 2 and len(labels) // 10 >= len(counts))
        return HistGradientBoostingClassifier(early_stopping=can_stop, random_state=_SEED, **options)

    def build_forest(self, labels: Labels, jobs: int) -> Any:
        """See `Estimator`."""
        leaves = _limit_leaves(len(labels), self._classes)
        return ExtraTreesClassifier(max_leaf_nodes=leaves, random_state=_SEED, n_jobs=jobs)

    def predict(self, trees: Any, table: npt.NDArray[Any]) -> Floats:
        """Probabilities; zero for a class that the training rows lack."""
        probabilities = np.zeros((len(table), self._classes))
        probabilities[:, trees.classes_.astype(np.int64)] = trees.predict_proba(table)
        return probabilities


class LabelsEstimator:
    """Predicts the probability of each of several labels [rows, labels]; the labels are 0 or 1 [rows, labels]."""

    constant_name, can_boost = "label_prior", False

    def predict_constant(self, labels: Labels, rows: int) -> Floats:
        """Each label's share of the training rows."""
        return np.tile(labels.astype(np.float64).mean(axis=0), (rows, 1))

    def find_problem(self, labels: Labels) -> str | None:
        """Trees need a label that varies."""
        rows = labels.astype(np.int64)
        return f"no label varies in {len(rows)} training rows" if (rows == rows[:1]).all() else None

    def build_boosting(self, labels: Labels, options: Mapping[str, Any]) -> Any:
        """Boosting learns one label at a time.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError

    def build_forest(self, labels: Labels, jobs: int) -> Any:
        """See `Estimator`."""
        leaves = _limit_leaves(len(labels), 2 * labels[0].size)
        return ExtraTreesClassifier(max_leaf_nodes=leaves, random_state=_SEED, n_jobs=jobs)

    def predict(self, trees: Any, table: npt.NDArray[Any]) -> Floats:
        """Probability of each label; of one that is the same in all training rows, 0 or 1."""
        given = trees.predict_proba(table)
        columns = given if isinstance(given, list) else [given]  # one label: no list
        classes = trees.classes_ if isinstance(given, list) else [trees.classes_]
        return np.stack(
            [
                probability[:, list(values).index(1)] if 1 in values else np.zeros(len(table))
                for probability, values in zip(columns, classes, strict=True)
            ],
            axis=1,
        )


class NumberEstimator:
    """Predicts a number, or several [rows, numbers]."""

    constant_name = "training_mean"

    def __init__(self, is_single: bool) -> None:
        self.can_boost = is_single

    def predict_constant(self, labels: Labels, rows: int) -> Floats:
        """The mean of the training labels."""
        return np.repeat(labels.astype(np.float64).mean(axis=0, keepdims=True), rows, axis=0)

    def find_problem(self, labels: Labels) -> str | None:
        """Trees need labels that vary."""
        return _find_constant(labels)

    def build_boosting(self, labels: Labels, options: Mapping[str, Any]) -> Any:
        """Early stopping, if a tenth of the rows can decide."""
        return HistGradientBoostingRegressor(early_stopping=len(labels) >= 20, random_state=_SEED, **options)

    def build_forest(self, labels: Labels, jobs: int) -> Any:
        """See `Estimator`."""
        leaves = _limit_leaves(len(labels), labels[0].size)
        return ExtraTreesRegressor(max_features="sqrt", max_leaf_nodes=leaves, random_state=_SEED, n_jobs=jobs)

    def predict(self, trees: Any, table: npt.NDArray[Any]) -> Floats:
        """See `Estimator`."""
        numbers: Floats = np.asarray(trees.predict(table), np.float64)
        return numbers


def _limit_leaves(rows: int, values: int) -> int | None:
    """Most leaves of a tree, so that the forest fits into `_FOREST_BYTES`; None if the rows cannot give more.

    Args:
        rows: Number of training rows.
        values: Numbers of 8 bytes that scikit-learn keeps in every node. A tree has two nodes for each leaf.
    """
    leaves = max(2, _FOREST_BYTES // (_TREES * 2 * 8 * values))
    return leaves if rows > leaves else None


def _find_constant(labels: Labels) -> str | None:
    distinct = np.unique(labels)
    return f"all {len(labels)} training rows have label {distinct[0].item():g}" if len(distinct) == 1 else None
