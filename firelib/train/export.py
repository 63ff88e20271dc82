"""Export a trained model as a Keras file and as a SavedModel that takes raw feature values."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.train.keras_types import Model

KERAS = "model.keras"
SAVED_MODEL = "saved_model"
WEIGHTS = "weights.json"
#: Suffixes of the SavedModel's inputs for a ragged feature: the values of all rows, and where each row begins.
RAGGED_VALUES, RAGGED_SPLITS = "_values", "_row_splits"


def export(model: Model, uri: str) -> None:
    """Write a model, its SavedModel and the hash of its weights into a folder.

    Args:
        model: A Keras model that was built outside of any distribution strategy.
        uri: Folder to write; an existing one is replaced.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model.save(folder / KERAS)
        _export_saved_model(model, folder / SAVED_MODEL)
        content = {"sha256": hash_weights(model), "parameters": int(model.count_params())}
        storage.write_bytes(str(folder / WEIGHTS), storage.to_json(content))
        storage.remove_folder(uri)
        storage.upload_folder(folder, uri)


def _export_saved_model(model: Model, folder: Path) -> None:
    """Write the SavedModel. Keras would declare ragged inputs as dense ones, in which padding counts as values."""
    import keras
    import tensorflow as tf

    ragged = [tensor.name for tensor in model.inputs if getattr(tensor, "ragged", False)]
    if not ragged:
        model.export(str(folder), verbose=False)
        return
    signature = {}
    for tensor in model.inputs:
        dtype = tf.as_dtype(tensor.dtype)
        if tensor.name in ragged:
            signature[f"{tensor.name}{RAGGED_VALUES}"] = tf.TensorSpec([None], dtype)
            signature[f"{tensor.name}{RAGGED_SPLITS}"] = tf.TensorSpec([None], tf.int64)
        else:
            signature[tensor.name] = tf.TensorSpec([None, *tensor.shape[1:]], dtype)
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name) for name, spec in signature.items()}

    def serve(arguments: dict[str, Any]) -> Any:
        inputs = {name: value for name, value in arguments.items() if name in model.input}
        for name in ragged:
            values, splits = arguments[f"{name}{RAGGED_VALUES}"], arguments[f"{name}{RAGGED_SPLITS}"]
            inputs[name] = tf.RaggedTensor.from_row_splits(values, splits)
        return model(inputs, training=False)

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", serve, input_signature=[named])
    archive.write_out(str(folder), verbose=False)


def hash_weights(model: Model) -> str:
    """SHA-256 of all weights. A model's files also hold times and random names, so their hashes differ."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()
