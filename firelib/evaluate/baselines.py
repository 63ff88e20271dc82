"""What a model has to beat: the class prior, and gradient-boosted trees on the same features."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.preprocessing import OrdinalEncoder

from firelib.evaluate.metrics import Floats, Labels
from firelib.recipe import Feature
from firelib.tfrecord.decode import Batch

_SEED = 0


def class_prior(train_labels: Labels, rows: int) -> Floats:
    """The training split's share of label 1, for every row."""
    return np.full(rows, np.mean(train_labels == 1))


def boosted_trees(train: Batch, train_labels: Labels, test: Batch, features: Sequence[Feature]) -> Floats:
    """Probabilities of scikit-learn's histogram gradient boosting with its default settings and early stopping.

    Args:
        train: Feature name → array [rows].
        train_labels: 0 or 1 [rows].
        test: As `train`, the rows to score.
        features: Which columns to use; those of strings are categories.
    """
    words = [feature.name for feature in features if feature.dtype == "string"]
    numbers = [feature for feature in features if feature.dtype != "string"]
    table, scored = _numbers(train, numbers), _numbers(test, numbers)
    if words:
        encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=250)
        table = np.hstack([table, encoder.fit_transform(_words(train, words))])
        scored = np.hstack([scored, encoder.transform(_words(test, words))])
    categorical = [False] * (table.shape[1] - len(words)) + [True] * len(words)
    trees = HistGradientBoostingClassifier(categorical_features=categorical, early_stopping=True, random_state=_SEED)
    trees.fit(table, train_labels)
    probabilities: Floats = trees.predict_proba(scored)[:, 1]
    return probabilities


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
