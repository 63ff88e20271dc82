"""Export a trained model as a Keras file and as a SavedModel that takes raw feature values."""

import hashlib
import tempfile
from pathlib import Path

from firelib import storage
from firelib.train.keras_types import Model

KERAS = "model.keras"
SAVED_MODEL = "saved_model"
WEIGHTS = "weights.json"


def export(model: Model, uri: str) -> None:
    """Write a model, its SavedModel and the hash of its weights into a folder.

    Args:
        model: A Keras model that was built outside of any distribution strategy.
        uri: Folder to write; an existing one is replaced.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model.save(folder / KERAS)
        model.export(str(folder / SAVED_MODEL), verbose=False)
        content = {"sha256": hash_weights(model), "parameters": int(model.count_params())}
        storage.write_bytes(str(folder / WEIGHTS), storage.to_json(content))
        storage.remove_folder(uri)
        fs, path = storage.filesystem(uri)
        fs.makedirs(path, exist_ok=True)
        fs.put(f"{folder}/", f"{path}/", recursive=True)


def hash_weights(model: Model) -> str:
    """SHA-256 of all weights. A model's files also hold times and random names, so their hashes differ."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()
