import numpy as np

from firelib.train.worker.validation_loop import Validation


def test_model_gets_its_inputs_by_name():
    """Keras matches a dict with more names by position: it would take feature `a` for `x`."""
    import keras
    import tensorflow as tf

    number = keras.Input((), name="x")
    model = keras.Model({"x": number}, number[:, None] * 2)
    validation = Validation(tf.distribute.get_strategy(), model, model, lambda: None)
    features = {"a": tf.constant([9.0]), "x": tf.constant([1.0]), "z": tf.constant(["text"])}
    predictions, *_ = validation._predict_all([(features, tf.constant([1]), tf.constant([1.0]))])
    np.testing.assert_array_equal(predictions, [[2.0]])
