"""The hashes of the model: its weights, and the checkpoints of its run."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from firelib import storage
from firelib.extras import find_missing
from firelib.report.project import ReportedProject, read_json_file
from firelib.report.verify.check import MISSING, Check, leave_out
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.store import CheckpointStore
from firelib.train.export import KERAS, WEIGHTS, hash_weights


def check_model(project: ReportedProject) -> Iterator[Check]:
    """Compare the weights of the model with weights.json, and this with the lineage.

    Weights are compared by loading the model. It is left out if Keras is not installed, or cannot load it.
    """
    remedy = f"{project.command('firelib train')} publishes the model again"
    pinned = read_json_file(project.paths.model / WEIGHTS)
    recorded = (project.lineage or {}).get("data", {}).get("weights_sha256")
    weights, keras = project.paths.model / WEIGHTS, project.paths.model / KERAS
    if recorded:
        found = str(pinned["sha256"]) if pinned and "sha256" in pinned else MISSING
        lineage = project.locate(project.paths.model / "lineage.json")
        yield Check("model", project.locate(weights), str(recorded), found, lineage, remedy)
    if not pinned or "sha256" not in pinned or not keras.is_file():
        return
    if find_missing(["keras", "tensorflow"]):
        yield leave_out("model", project.locate(keras), "Keras is not installed")
    elif (hashed := _hash_weights(keras)) is None:
        yield leave_out("model", project.locate(keras), "Keras cannot load it without the recipe's own layers")
    else:
        yield Check("model", project.locate(keras), str(pinned["sha256"]), hashed, project.locate(weights), remedy)


def _hash_weights(file: Path) -> str | None:
    """The hash of the weights in a Keras file; None if it is intact, but holds layers that only the recipe defines."""
    from firelib.keras_import import import_keras

    import_keras()
    import keras

    try:
        with zipfile.ZipFile(file) as archive:
            if damaged := archive.testzip():
                return f"damaged: {damaged}"
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        return f"unreadable: {type(error).__name__}"
    try:
        return hash_weights(keras.models.load_model(file, compile=False))
    except Exception:  # noqa: BLE001  layers run their own code when they are loaded
        return None


def check_checkpoints(project: ReportedProject) -> Iterator[Check]:
    """Compare the checkpoints of the run that trained the model with the hashes in them."""
    if project.run_id is None:
        return
    store = CheckpointStore(storage.join(project.paths.runs, project.run_id))
    for step in store.steps():
        uri = store.uri(step)
        try:
            serialization.verify(uri)
            found = "whole"
        except serialization.TornCheckpointError as error:
            found = f"torn: {error.headline}"
        remedy = f"{project.command('firelib train')} resumes from the newest whole checkpoint"
        yield Check("checkpoint", project.locate(uri), "whole", found, "progress.json", remedy)
