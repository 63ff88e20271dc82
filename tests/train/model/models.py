"""Keras models with one property each, for the checks. Tests import this late, since importing Keras takes seconds."""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, losses, metrics


def compiled(hidden: Callable[[Any], Any] | None = None, width: int = 1, kind: Any = None, **settings: Any) -> Any:
    """A compiled model of feature `x`.

    Args:
        hidden: Layers between the input and the output.
        width: Width of the output.
        kind: Class of the model.
        settings: Arguments of `compile`.
    """
    x = keras.Input((), name="x", dtype="float32")
    values = x[:, None] if hidden is None else hidden(x[:, None])
    output = keras.layers.Dense(width, activation="sigmoid", name="last")(values)
    model = (kind or keras.Model)({"x": x}, output)
    model.compile(**{"optimizer": "adam", "loss": "binary_crossentropy", **settings})
    return model


class OwnStep(keras.Model):
    def train_step(self, data):
        raise NotImplementedError


class OwnLoss(keras.Model):
    def compute_loss(self, *args, **kwargs):
        raise NotImplementedError


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs["x"]


class Unsaved(keras.layers.Layer):
    """Keras cannot save the argument of the constructor."""

    def __init__(self, handle, **settings):
        super().__init__(**settings)
        self.handle = handle

    def call(self, x):
        return x


class InPython(keras.layers.Layer):
    def call(self, x):
        import tensorflow as tf

        return tf.ensure_shape(tf.numpy_function(lambda values: values, [x], tf.float32), x.shape)

    def compute_output_shape(self, shape):
        return shape


class OwnCall(keras.losses.Loss):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return keras.ops.mean(y_pred)

    def call(self, y_true, y_pred):
        return keras.ops.mean(y_pred, axis=-1)


class Noisy(keras.layers.Layer):
    def call(self, x):
        return x + keras.random.normal(keras.ops.shape(x))


def noisy(x):
    return x + keras.random.normal(keras.ops.shape(x))


class Penalised(keras.layers.Layer):
    def call(self, x):
        self.add_loss(keras.ops.mean(x))
        return x


def inner(*layers):
    return keras.Sequential([keras.Input((1,)), *layers], name="inner")


def unnamed_input():
    other = keras.Input((), name="xx", dtype="float32")
    return finish({"xx": other}, other[:, None])


def finish(inputs, hidden, **settings):
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    model.compile(**{"optimizer": "adam", "loss": "binary_crossentropy", **settings})
    return model


def own_step_of_an_instance():
    model = compiled()
    model.train_step = lambda data: None
    return model


def stateful():
    x = keras.Input(batch_shape=(64,), name="x", dtype="float32")
    return finish({"x": x}, layers.LSTM(2, stateful=True, name="memory")(x[:, None, None]))


def unexportable():
    named = {name: keras.Input((1,), name=name, dtype="float32") for name in ("x", "X", "a number", "_y")}
    return finish(named, keras.layers.Concatenate()(list(named.values())))


def two_outputs():
    x = keras.Input((), name="x")
    dense = keras.layers.Dense(1)
    model = keras.Model({"x": x}, [dense(x[:, None]), dense(x[:, None])])
    model.compile("adam", "mse")
    return model


def built(model):
    model.compile("adam", "binary_crossentropy")
    return model


def frozen():
    model = compiled()
    model.trainable = False
    return model


class PerClass(metrics.Metric):
    def update_state(self, y_true, y_pred, sample_weight=None):
        pass

    def result(self):
        return keras.ops.zeros(3)


REFUSED = {
    "no model": lambda: {"loss": 1},
    "train_step": lambda: compiled(kind=OwnStep),
    "train_step of the instance": own_step_of_an_instance,
    "compute_loss": lambda: compiled(kind=OwnLoss),
    "subclassed": lambda: built(Subclassed()),
    "sequential": lambda: built(inner(layers.Dense(1))),
    "unbuilt": lambda: built(keras.Sequential([layers.Dense(1)])),
    "unknown input": unnamed_input,
    "unexportable": unexportable,
    "uncompiled": lambda: keras.Model(x := keras.Input((), name="x"), x[:, None]),
    "sum": lambda: compiled(loss=losses.BinaryCrossentropy(reduction="sum")),
    "none": lambda: compiled(loss=losses.MeanSquaredError(reduction=None)),
    "list of losses": lambda: compiled(loss=["mse"]),
    "loss_weights": lambda: compiled(loss_weights=[2.0]),
    "__call__": lambda: compiled(loss=OwnCall(name="own")),
    "two outputs": two_outputs,
    "width": lambda: compiled(width=3),
    "metric of many numbers": lambda: compiled(
        width=3, loss="sparse_categorical_crossentropy", metrics=[PerClass(name="per_class")]
    ),
    "metric that fails": lambda: compiled(width=3, loss="sparse_categorical_crossentropy", metrics=[metrics.F1Score()]),
    "batch norm": lambda: compiled(layers.BatchNormalization(name="bn")),
    "nested batch norm": lambda: compiled(inner(layers.BatchNormalization(name="bn"))),
    "stateful": stateful,
    "unsaved": lambda: compiled(Unsaved(object(), name="mine")),
    "python": lambda: compiled(InPython(name="mine")),
    "frozen": frozen,
}

ACCEPTED = {
    "plain": lambda: compiled(metrics=["AUC", "accuracy"]),
    "synchronized": lambda: compiled(layers.BatchNormalization(synchronized=True)),
    "frozen batch norm": lambda: compiled(layers.BatchNormalization(trainable=False)),
    "mean": lambda: compiled(loss=losses.BinaryCrossentropy(reduction="mean")),
    "weighted mean": lambda: compiled(loss=losses.BinaryCrossentropy(reduction="mean_with_sample_weight")),
    "one F1": lambda: compiled(metrics=[metrics.F1Score()]),
    "lambda": lambda: compiled(layers.Lambda(lambda x: 2 * x, output_shape=(1,))),
    "own layer": lambda: compiled(Noisy()),
    "own metrics": lambda: compiled(kind=type("OwnMetrics", (keras.Model,), {})),
    "one input": lambda: finish(x := keras.Input((1,), name="x"), x),
    "list of inputs": lambda: finish([x := keras.Input((1,), name="x")], x),
    "own loss": lambda: compiled(loss=lambda y_true, y_pred: keras.ops.mean((y_true - y_pred) ** 2, axis=-1)),
}

NOTED = {
    "dropout": lambda: layers.Dropout(0.1, name="mine"),
    "noise": lambda: layers.GaussianNoise(0.1, name="mine"),
    "alpha dropout": lambda: layers.AlphaDropout(0.1, name="mine"),
    "nested dropout": lambda: inner(layers.Dropout(0.1, name="mine")),
    "lstm": lambda: lambda x: layers.LSTM(2, dropout=0.1, name="mine")(x[:, :, None]),
    "own noise": lambda: Noisy(name="mine"),
    "lambda": lambda: layers.Lambda(
        lambda x: x + keras.random.normal(keras.ops.shape(x)), output_shape=(1,), name="mine"
    ),
    "own loss": lambda: Penalised(name="mine"),
    "activity": lambda: layers.Dense(2, activity_regularizer="l2", name="mine"),
}
