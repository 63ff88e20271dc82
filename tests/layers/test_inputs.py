"""The first layers take raw values of every kind, and survive saving."""

import numpy as np
import pytest

from firelib.layers import encode_inputs
from firelib.recipe import Feature, FittedFeature

FEATURES = {
    "number": FittedFeature(Feature("number", "float32", nullable=True), missing=3, mean=10.0, std=2.0),
    "time": FittedFeature(Feature("time", "float64"), mean=19_000.0, std=100.0),
    "count": FittedFeature(Feature("count", "int64", nullable=True, missing=-1), missing=1, mean=4.0, std=1.0),
    "city": FittedFeature(Feature("city", "string", max_length=8), vocabulary=("Rome", "Oslo")),
    "text": FittedFeature(Feature("text", "string")),
    "signal": FittedFeature(Feature("signal", "float32", shape=(3,)), mean=1.0, std=1.0),
    "tags": FittedFeature(Feature("tags", "string", ragged=True)),
    "clicks": FittedFeature(Feature("clicks", "int64", ragged=True)),
    "waits": FittedFeature(Feature("waits", "float32", ragged=True), mean=1.0, std=1.0),
}


def rows():
    import tensorflow as tf

    return {
        "number": tf.constant([12, np.nan], tf.float32),
        "time": tf.constant([19_100, 19_000], tf.float64),
        "count": tf.constant([5, -1], tf.int64),
        "city": tf.constant([b"Oslo", b"unknown"]),
        "text": tf.constant(["Größe: one, TWO", ""]),
        "signal": tf.ones((2, 3)),
        "tags": tf.ragged.constant([[b"a", b"b"], []], dtype=tf.string),
        "clicks": tf.ragged.constant([[1, 2, 3], []], dtype=tf.int64),
        "waits": tf.ragged.constant([[1.0, 3.0], [1.0]], dtype=tf.float32),
    }


@pytest.fixture(scope="module")
def model():
    import keras

    inputs, hidden = encode_inputs(FEATURES, embedding=4, words=64, length=5)
    return keras.Model(inputs, hidden)


def test_numbers_are_normalised_and_flagged(model):
    numbers = np.asarray(model(rows()))[:, :5]
    assert numbers.tolist() == [[1, 1, 1, 0, 0], [0, 0, 0, 1, 1]]


def test_a_number_that_training_does_not_know_changes_nothing():
    """A column that begins after the training, and one that was constant there, gave values of a million."""
    import keras

    features = {
        "x": FittedFeature(Feature("x", "float32"), count=2, mean=1.0, std=1.0, minimum=0.0, maximum=2.0),
        "new": FittedFeature(Feature("new", "float32", nullable=True), missing=2),
        "same": FittedFeature(
            Feature("same", "float32", nullable=True), count=1, missing=1, mean=5.0, std=1e-9, minimum=5.0, maximum=5.0
        ),
    }
    inputs, hidden = encode_inputs(features)
    values = {"x": np.ones(2), "new": np.array([np.nan, 7.0]), "same": np.array([np.nan, 6.0])}
    assert np.asarray(keras.Model(inputs, hidden)(values)).tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]


def test_every_value_is_finite_also_of_empty_texts_and_lists(model):
    encoded = np.asarray(model(rows()))
    assert np.isfinite(encoded).all()
    assert not encoded[1, 9:13].any(), "a text without words is 0"


def test_case_and_punctuation_do_not_matter():
    from firelib.layers.hashing import HashedWords

    numbers = np.asarray(HashedWords(1000, 4)(np.array(["Über, ALLES", "über alles!"])))
    assert (numbers[0] == numbers[1]).all()
    assert (numbers[:, 2:] == 0).all()


def test_saved_model_gives_the_same(model, tmp_path):
    import keras

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(np.asarray(again(rows())), np.asarray(model(rows())))
