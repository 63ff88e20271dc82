import sys

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from firelib import open_dataset, write_tfrecords
from firelib.config import Train
from firelib.recipe import Feature
from firelib.train.class_weights import _balance, _fill_mapping, _require_class_label, compute_class_weights
from tests.errors import refused


def test_balanced_weights_equal_scikit_learns():
    labels = np.random.default_rng(0).choice(4, 1000, p=[0.7, 0.2, 0.09, 0.01])
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    np.testing.assert_array_equal(_balance(np.bincount(labels)), expected)


def test_balanced_weight_of_a_class_without_rows_is_1():
    """scikit-learn refuses such a class."""
    assert _balance(np.array([3, 0, 1])) == [4 / (2 * 3), 1.0, 4 / (2 * 1)]


def test_class_without_a_weight_weighs_1():
    assert _fill_mapping({1: 3.0}, 3) == [1.0, 3.0, 1.0]


def test_unknown_class_is_refused():
    with refused("class 7", where="train.class_weights", remedy="0 … 1"):
        _fill_mapping({7: 1.0}, 2)


def test_integer_label_is_accepted():
    _require_class_label(Feature("positive", "uint8"))


@pytest.mark.parametrize(
    ("label", "what"),
    [
        (None, "no label"),
        (Feature("price", "float32"), ["'price'", "float32"]),
        (Feature("pair", "int64", shape=(2,)), ["'pair'", "(2,)"]),
    ],
)
def test_other_labels_are_refused(label, what):
    with refused(what, where="train.class_weights", remedy="train.class_weights: null"):
        _require_class_label(label)


def test_classes_are_counted_without_tensorflow(tmp_path, monkeypatch):
    """The driver counts them, which does not import TensorFlow."""
    rows = {"x": np.zeros(8, "float32"), "y": np.array([0, 0, 0, 2, 2, 0, 0, 0])}
    label = Feature("y", "int64")
    write_tfrecords(rows, str(tmp_path / "d"), [Feature("x", "float32")], label=label)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    settings = Train(workers=1, global_batch_size=1, epochs=1, lr=0.1, seed=1, class_weights="balanced")
    assert compute_class_weights(settings, open_dataset(str(tmp_path / "d/manifest.json"))) == (8 / 12, 1.0, 2.0)
