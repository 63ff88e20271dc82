"""A trained model as files: Keras, and a SavedModel that takes raw feature values."""

import hashlib
import tempfile
from pathlib import Path
from typing import Any

from firelib import storage

KERAS = "model.keras"
SAVED_MODEL = "saved_model"
WEIGHTS = "weights.json"


def export(model: Any, uri: str) -> None:
    """Write a model below a URI.

    Args:
        model: A Keras model built outside of any distribution strategy.
        uri: The folder to make; an earlier one is replaced.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model.save(folder / KERAS)
        model.export(str(folder / SAVED_MODEL), verbose=False)
        content = {"sha256": weights_sha256(model), "parameters": int(model.count_params())}
        storage.write_bytes(str(folder / WEIGHTS), storage.to_json(content))
        storage.remove_folder(uri)
        fs, path = storage.filesystem(uri)
        fs.makedirs(path, exist_ok=True)
        fs.put(f"{folder}/", f"{path}/", recursive=True)


def weights_sha256(model: Any) -> str:
    """Hash of all weights: equal models have equal ones, whatever else their files hold (times, random names)."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.hexdigest()
