"""A dataset and a recipe that train in seconds: predict whether a number, shifted by a word, is positive."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from firelib.config import Environment, Params, parse_params
from firelib.project_layout import Paths
from firelib.recipe import Feature, FittedFeature, Recipe, Source
from firelib.tfrecord.format.fixed_layout import build_fixed_layout
from firelib.tfrecord.format.manifest import Manifest, Split, read_manifest
from firelib.tfrecord.write.shard_writer import shard_name, write_shard

WORDS = ("left", "right", "up")


class Toy(Recipe):
    name = "toy"
    sources: ClassVar = {"rows": Source("rows.csv")}
    key = ("id",)
    features = (
        Feature("number", "float32", nullable=True),
        Feature("word", "string", max_length=5),
    )
    label = Feature("positive", "int64", range=(0, 1))
    given: tuple[Any, ...] = ()  # functions that build callbacks, set by tests
    parameters: ClassVar = {"pids": "", "fail": "", "optimizer": "adam", "fed": "", "words": True}

    def transform(self, tables: Any) -> Any:
        return tables["rows"]

    def callbacks(self, params: Mapping[str, Any]) -> Any:
        return [make() for make in self.given]

    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> Any:
        import keras

        if params["pids"]:
            Path(params["pids"], str(os.getpid())).touch()
        if params["fail"] == "raise":
            raise ValueError("no such layer")
        number = keras.Input((), name="number", dtype="float32")
        word = keras.Input((), name="word", dtype="string")
        known = keras.ops.where(keras.ops.isnan(number), 0.0, number)
        inputs, hidden = {"number": number}, known[:, None]
        if params["words"]:
            index = keras.layers.StringLookup(vocabulary=list(features["word"].vocabulary))(word)
            inputs["word"] = word
            hidden = keras.layers.Concatenate()([hidden, keras.layers.Embedding(4, 2)(index)])
        if params["fed"]:
            hidden = recorder(params["fed"])(hidden, number, word)
        hidden = keras.layers.Dense(8, activation="tanh")(hidden)
        width = 3 if params["fail"] == "width" else 1
        output = keras.layers.Dense(width, activation="sigmoid", dtype="float32")(hidden)
        model = keras.Model(inputs, output)
        if params["fail"] != "uncompiled":
            kind = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[params["optimizer"]]
            model.compile(kind(params["lr"]), "binary_crossentropy", metrics=["AUC", "accuracy"])
        return model


def recorder(folder: str) -> Any:
    """A layer that passes its input on and, during training, writes a line per step: the step, then its rows.

    It counts the steps in a weight, so that checkpoints save and restore the count.
    """
    import keras
    import tensorflow as tf

    name = f"{time.time_ns()}-{os.getpid()}"

    class Recorder(keras.layers.Layer):
        def build(self, *_: Any) -> None:
            self.step = self.add_weight(shape=(), initializer="zeros", trainable=False, aggregation="mean")

        def call(self, hidden: Any, number: Any, word: Any, training: bool = False) -> Any:
            if not training:
                return hidden
            self.step.assign(self.step + 1)
            rows = tf.strings.join([tf.strings.as_string(number, precision=9, scientific=True), word], separator="|")
            step = tf.strings.as_string(tf.cast(self.step.value, tf.int64))
            line = tf.strings.join([step, tf.strings.reduce_join(rows, separator=" ")], separator=" ")
            with tf.control_dependencies([tf.print(line, output_stream=f"file://{folder}/{name}")]):
                return tf.identity(hidden)

        def compute_output_shape(self, shape: Any, *_: Any) -> Any:
            return shape

    return Recorder()


def fed_rows(folder: Path) -> dict[int, list[list[str]]]:
    """Step → the workers' shares of its global batch, newest first, each row as `number|word`."""
    shares: dict[int, list[list[str]]] = {}
    for file in sorted(folder.iterdir(), reverse=True):
        for line in file.read_text().splitlines():
            step, *rows = line.split(" ")
            shares.setdefault(int(step), []).append([row for row in rows if not row.endswith("|")])  # padding: no word
    return shares


def columns(rows: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    number, word = random.normal(size=rows), random.integers(0, len(WORDS), rows)
    label = (number + word - 1 + random.normal(scale=0.3, size=rows) > 0).astype("<i8")
    number[::11] = np.nan
    return {"number": number.astype("<f4"), "word": np.array(WORDS, "S5")[word], "positive": label}


def write_toy(project: Path, train_rows: int = 1000) -> Paths:
    """A project with the recipe's dataset. Its last global batch is short, and the workers' shares differ in size."""
    paths = Paths("toy", str(project / "storage"), project)
    paths.tfrecords.mkdir(parents=True)
    layout = build_fixed_layout([*Toy.features, Toy.label])
    splits = {}
    for seed, (split, rows) in enumerate({"train": train_rows, "validation": 301, "test": 250}.items()):
        shard = write_shard(paths.tfrecords / shard_name(split, 0, 1), columns(rows, seed), layout)
        splits[split] = Split(rows=rows, shards=(shard,))
    Manifest(
        recipe="toy",
        features=(FittedFeature(Toy.features[0]), FittedFeature(Toy.features[1], vocabulary=WORDS)),
        label=Toy.label,
        key=Toy.key,
        record_bytes=layout.record_bytes,
        splits=splits,
        tables={"rows": 0},
        quality={"read": train_rows + 551, "excluded": {}, "rejected": {}},
    ).write(paths.tfrecords)
    return paths


def damage_toy(project: Path, split: str, kind: str) -> Path:
    """A project with the recipe's dataset, whose shard of a split is damaged; returns the shard.

    Args:
        project: The project's folder.
        split: The split.
        kind: `crc` changes a byte of the last record; `hash` swaps two records, which stay intact.
    """
    paths = write_toy(project)
    shard = paths.tfrecords / shard_name(split, 0, 1)
    content = bytearray(shard.read_bytes())
    if kind == "crc":
        content[-10] ^= 1
    else:
        size = len(content) // read_manifest(str(paths.manifest)).splits[split].rows
        content = content[size : 2 * size] + content[:size] + content[2 * size :]
    shard.write_bytes(content)
    return shard


def toy_params(workers: int = 2, epochs: int = 2, train: Mapping[str, Any] | None = None, **model: Any) -> Params:
    settings = {"workers": workers, "global_batch_size": 64, "epochs": epochs, "lr": 0.01, "seed": 7, **(train or {})}
    return parse_params(
        {
            "recipe": "toy",
            "storage": {"root": "storage"},
            "data": {"version": None, "split": {"train": 0.8, "validation": 0.1, "test": 0.1}, "shard_mib": 1},
            "train": settings,
            "model": model,
        },
        "toy",
    )


UNTRACKED = Environment(tracking="none")
TRACKED = Environment(tracking="wandb")
