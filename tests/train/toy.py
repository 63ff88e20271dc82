"""A dataset and a recipe that train in seconds: is a number, shifted by a word, positive?"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from firelib.config import Environment, Params, parse_params
from firelib.paths import Paths
from firelib.recipe import Feature, FittedFeature, Recipe, Source
from firelib.tfrecord.layout import fixed_layout
from firelib.tfrecord.manifest import Manifest, Split
from firelib.tfrecord.shards import shard_name, write_shard

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
    parameters: ClassVar = {"pids": "", "fail": ""}

    def transform(self, tables: Any) -> Any:
        return tables["rows"]

    def build_model(self, features: Mapping[str, FittedFeature], params: Mapping[str, Any]) -> Any:
        import keras

        if params["pids"]:
            Path(params["pids"], str(os.getpid())).touch()
        if params["fail"] == "raise":
            raise ValueError("no such layer")
        number = keras.Input((), name="number", dtype="float32")
        word = keras.Input((), name="word", dtype="string")
        known = keras.ops.where(keras.ops.isnan(number), 0.0, number)
        index = keras.layers.StringLookup(vocabulary=list(features["word"].vocabulary))(word)
        hidden = keras.layers.Concatenate()([known[:, None], keras.layers.Embedding(4, 2)(index)])
        hidden = keras.layers.Dense(8, activation="tanh")(hidden)
        model = keras.Model({"number": number, "word": word}, keras.layers.Dense(1, activation="sigmoid")(hidden))
        if params["fail"] != "uncompiled":
            model.compile(keras.optimizers.Adam(params["lr"]), "binary_crossentropy", metrics=["AUC", "accuracy"])
        return model


def columns(rows: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    number, word = random.normal(size=rows), random.integers(0, len(WORDS), rows)
    label = (number + word - 1 + random.normal(scale=0.3, size=rows) > 0).astype("<i8")
    number[::11] = np.nan
    return {"number": number.astype("<f4"), "word": np.array(WORDS, "S5")[word], "positive": label}


def write_toy(project: Path, train_rows: int = 1000) -> Paths:
    """A project with the dataset of the recipe; the last global batch is short, the shares are uneven."""
    paths = Paths("toy", str(project / "storage"), project)
    paths.tfrecords.mkdir(parents=True)
    layout = fixed_layout([*Toy.features, Toy.label])
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


def toy_params(workers: int = 2, epochs: int = 2, **model: Any) -> Params:
    return parse_params(
        {
            "recipe": "toy",
            "storage": {"root": "storage"},
            "data": {"version": None, "split": {"train": 0.8, "validation": 0.1, "test": 0.1}, "shard_mib": 1},
            "train": {"workers": workers, "global_batch_size": 64, "epochs": epochs, "lr": 0.01, "seed": 7},
            "model": model,
        },
        "toy",
    )


UNTRACKED = Environment(tracking="none")
TRACKED = Environment(tracking="wandb")
