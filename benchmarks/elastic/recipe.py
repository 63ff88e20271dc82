"""A model whose steps take tens of milliseconds on one core, and which writes down when it took each step."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from firelib import Feature, Recipe, Source
from firelib.recipe import FittedFeature

WIDTH = 64


class Steps(Recipe):
    """Does a noisy sum of numbers exceed zero? The question does not matter: steps are counted."""

    name = "steps"
    sources: ClassVar[Mapping[str, Source]] = {"rows": Source("rows.parquet")}
    key = ("id",)
    features = (Feature("values", "float32", shape=(WIDTH,)),)
    label = Feature("positive", "int64", range=(0, 1))
    parameters: ClassVar[Mapping[str, Any]] = {"hidden": 512, "log": ""}

    def transform(self, tables: Mapping[str, Any]) -> Any:
        raise NotImplementedError  # the benchmark writes the shards itself

    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> Any:  # noqa: ARG002  Recipe's signature
        import keras

        values = keras.Input((WIDTH,), name="values")
        hidden: Any = step_log(params["log"])(values)
        for _ in range(2):
            hidden = keras.layers.Dense(params["hidden"], activation="relu")(hidden)
        positive = keras.layers.Dense(1, activation="sigmoid", name=self.label.name)(hidden)
        model = keras.Model({"values": values}, positive, name=self.name)
        model.compile(keras.optimizers.Adam(params["lr"]), "binary_crossentropy")
        return model


def _rank() -> int:
    """Rank of this worker, which TensorFlow's strategy reads from the same variable."""
    return int(json.loads(os.environ.get("TF_CONFIG", "{}")).get("task", {}).get("index", 0))


def step_log(folder: str) -> Any:
    """Build a layer that passes its input on; on rank 0, it writes a line per step: time, step, number of workers.

    It counts the steps in a weight, which is saved and restored with the model. Each attempt has a file of its own.
    """
    import keras
    import tensorflow as tf

    path = f"{folder}/{time.time_ns()}-{os.getpid()}"
    workers = str(tf.distribute.get_strategy().num_replicas_in_sync)

    class StepLog(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no type information
        def build(self, *_: Any) -> None:
            self.step = self.add_weight(shape=(), initializer="zeros", trainable=False, aggregation="mean")

        def call(self, values: Any, training: bool = False) -> Any:
            if not training:
                return values
            self.step.assign(self.step + 1)
            if _rank():
                return values
            now = tf.strings.as_string(tf.timestamp(), precision=6)
            step = tf.strings.as_string(tf.cast(self.step.value, tf.int64))
            line = tf.strings.join([now, step, workers], separator=" ")
            with tf.control_dependencies([tf.print(line, output_stream=f"file://{path}")]):
                return tf.identity(values)

        def compute_output_shape(self, shape: Any, *_: Any) -> Any:
            return shape

    return StepLog()
