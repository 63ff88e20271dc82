"""A training script without firelib: imports, the same model, `parse_example` on the same shards, `fit`, export.

    python -m benchmarks.peers.by_hand FOLDER

It prints `first step` after the first step, and saves the model into FOLDER.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from firelib.config import load_params, model_params
from firelib.recipe import Recipe, load_recipe
from firelib.tfrecord.format.fixed_layout import list_kind
from firelib.tfrecord.format.manifest import read_manifest

_SHUFFLE = 10_000
_DTYPES = {"bytes": tf.string, "float": tf.float32, "int64": tf.int64}


class _FirstStep(keras.callbacks.Callback):  # type: ignore[misc]  # Keras ships no type information
    """Prints a line after the first step."""

    def __init__(self) -> None:
        super().__init__()
        self._printed = False

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002  Keras' signature
        if not self._printed:
            self._printed = True
            print("first step", flush=True)  # noqa: T201  the benchmark reads it


def main(folder: Path) -> None:
    params = load_params(Path("params.yaml"))
    recipe = load_recipe(params.recipe)
    manifest = read_manifest(f"data/{recipe.name}/tfrecords/manifest.json")
    model = recipe.build_model(manifest.fitted, model_params(recipe.parameters, params))
    batch = params.train.global_batch_size
    train, validation = (_batches(recipe, split, batch) for split in ("train", "validation"))
    epochs, callbacks = params.train.epochs, [_FirstStep()]
    history = model.fit(train, validation_data=validation, epochs=epochs, callbacks=callbacks, verbose=0)
    assert len(history.epoch) == epochs
    model.save(folder / "model.keras")
    model.export(str(folder / "saved_model"), verbose=False)


def _batches(recipe: Recipe, split: str, batch: int) -> tf.data.Dataset:
    files = sorted(map(str, Path(f"data/{recipe.name}/tfrecords").glob(f"{split}-*.tfrecord")))
    records = tf.data.TFRecordDataset(files, buffer_size=1 << 20)
    if split == "train":
        records = records.shuffle(_SHUFFLE)
    columns = [*recipe.features, recipe.label]
    spec = {column.name: tf.io.FixedLenFeature((), _DTYPES[list_kind(column)]) for column in columns}

    def parse(examples: tf.Tensor) -> tuple[dict[str, Any], Any]:
        parsed = tf.io.parse_example(examples, spec)
        label = parsed.pop(recipe.label.name)
        return parsed, label

    return records.batch(batch).map(parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
