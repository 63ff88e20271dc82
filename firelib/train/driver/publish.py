"""The finished run to where people and DVC look for it: model, lineage, timing, metrics, curves."""

import csv
import io
from typing import Any

from firelib import storage
from firelib.lineage import lineage
from firelib.project_layout import Paths
from firelib.tfrecord.format.manifest import Manifest
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.run_spec import TrainingJob


def publish(job: TrainingJob, manifest: Manifest, progress: TrainingProgress, paths: Paths) -> None:
    """Model, lineage, metrics and curves to where people and DVC look for them."""
    fs, exported = storage.filesystem(job.export_uri)
    data = {**sources(job, manifest), "tracking_id": progress.tracking_id}
    with storage.publish_folder(paths.model) as folder:
        fs.get(f"{exported}/", f"{folder}/", recursive=True)
        data["weights_sha256"] = storage.read_json(str(folder / "weights.json"))["sha256"]
        record = lineage(job.params, paths.project, data)
        storage.write_bytes(str(folder / "lineage.json"), storage.to_json(record))
        storage.write_bytes(str(folder / "timing.json"), storage.to_json(progress.timing))
    last = {name: value for name, value in progress.validation[-1].items() if name != "epoch"}
    metrics = {"train_loss": progress.losses[-1], "steps": progress.step, **last}
    storage.write_bytes(str(paths.metrics / "train.json"), storage.to_json(metrics))
    steps = [{"step": step, "loss": loss} for step, loss in enumerate(progress.losses, 1)]
    storage.write_bytes(str(paths.plots / "training.csv"), _csv(steps))
    storage.write_bytes(str(paths.plots / "validation.csv"), _csv(progress.validation))


def sources(job: TrainingJob, manifest: Manifest) -> dict[str, Any]:
    """What a run reads, for its lineage."""
    return {"manifest_sha256": manifest.sha256, "tables": manifest.tables, "run": job.run_id}


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
