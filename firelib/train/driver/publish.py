"""Publish a finished run into the project, where users and DVC expect it: model, lineage, timing, metrics, curves."""

import csv
import io
import os
from typing import Any

from firelib import storage
from firelib.lineage import lineage
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.export import KERAS, SAVED_MODEL, WEIGHTS
from firelib.train.platform_folders import copy_model
from firelib.train.run_spec import RunSpec

_LINEAGE, _TIMING = "lineage.json", "timing.json"
_MODEL_FILES = frozenset({KERAS, SAVED_MODEL, WEIGHTS, _LINEAGE, _TIMING})


def check_model_folder(paths: Paths) -> None:
    """Check before training that the model may replace what its folder holds.

    Raises:
        FirelibError: The folder holds files that firelib did not write.
    """
    storage.refuse_others(paths.model, _MODEL_FILES.__contains__)


def publish(spec: RunSpec, manifest: Manifest, progress: TrainingProgress, paths: Paths) -> None:
    """Publish model, lineage, metrics and curves of a finished run.

    Args:
        spec: The run.
        manifest: Its dataset.
        progress: Its losses, metrics and timing.
        paths: The project.
    """
    _publish_model(spec, manifest, progress, paths)
    metrics = progress.summarize(spec.params.train.early_stopping.returns_best)
    storage.write_bytes(str(paths.metrics / "train.json"), storage.to_json(metrics))
    sizes = _batch_sizes(manifest.splits["train"].rows, spec.params.train.global_batch_size)
    steps = [
        {"step": step, "loss": loss, "rows": sizes[(step - 1) % len(sizes)]}
        for step, loss in enumerate(progress.losses, 1)
    ]
    storage.write_bytes(str(paths.plots / "training.csv"), _to_csv(steps))
    storage.write_bytes(str(paths.plots / "validation.csv"), _to_csv(progress.validation))


def _batch_sizes(rows: int, batch_size: int) -> list[int]:
    """Rows in each step of an epoch; the last batch is short."""
    return [min(batch_size, rows - start) for start in range(0, rows, batch_size)]


def _publish_model(spec: RunSpec, manifest: Manifest, progress: TrainingProgress, paths: Paths) -> None:
    data = {**describe_inputs(spec, manifest), "tracking_id": progress.tracking_id}
    with storage.publish_folder(paths.model, _MODEL_FILES.__contains__) as folder:
        storage.download_folder(spec.export_uri, folder)
        data["weights_sha256"] = storage.read_json(str(folder / WEIGHTS))["sha256"]
        record = lineage(spec.params, paths.project, data)
        storage.write_bytes(str(folder / _LINEAGE), storage.to_json(record))
        storage.write_bytes(str(folder / _TIMING), storage.to_json(progress.timing))
    copy_model(paths.model / SAVED_MODEL, os.environ)


def describe_inputs(spec: RunSpec, manifest: Manifest) -> dict[str, Any]:
    """Describe the inputs of a run for its lineage.

    Args:
        spec: The run.
        manifest: Its dataset.
    """
    return {"manifest_sha256": manifest.sha256, "tables": manifest.tables, "run": spec.run_id}


def _to_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
