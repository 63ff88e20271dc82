"""A small project whose pipeline has run: every kind of file that a report reads, written by firelib's own code.

Its dataset is written without Ray, and nothing was trained, so that it takes a second. DVC itself wrote its dvc.lock.
"""

import hashlib
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from firelib import storage
from firelib.data.extract import extract
from firelib.lineage import lineage
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.report.project import ReportedProject
from firelib.stage_records.recording import record_stage
from firelib.tfrecord.format.manifest import Manifest, read_manifest
from firelib.tfrecord.write.write_tfrecords import write_tfrecords
from firelib.train.checkpoint import serialization
from firelib.train.checkpoint.state import TrainingProgress
from firelib.train.checkpoint.store import CheckpointStore
from tests.recipes.tiny import project, tiny_recipe, write_sources

RUN = "tiny-0123456789ab"
OUT = "out"  # folder of the report, in the project
STEPS = 40
RESTART = 16
METRICS = {"accuracy": 0.75, "log_loss": 0.5}
BASELINES = {"class_prior": {"accuracy": 0.6, "log_loss": 0.7}}
WEIGHTS = hashlib.sha256(b"weights").hexdigest()
STAGES: dict[str, Any] = {
    "extract": {"cmd": "firelib extract", "deps": ["orders.csv"], "outs": ["data/tiny/lake.json"]},
    "transform": {"cmd": "firelib transform", "deps": ["data/tiny/lake.json"], "outs": ["data/tiny/tfrecords"]},
    "train": {
        "cmd": "firelib train",
        "deps": ["data/tiny/tfrecords"],
        "outs": ["models/tiny"],
        "metrics": [{"metrics/tiny/train.json": {"cache": False}}],
        "plots": [{"plots/tiny/training.csv": {"cache": False}}],
    },
    "evaluate": {
        "cmd": "firelib evaluate",
        "deps": ["data/tiny/tfrecords", "models/tiny/weights.json"],
        "metrics": [{"metrics/tiny/test.json": {"cache": False}}, {"metrics/tiny/baselines.json": {"cache": False}}],
    },
}


def fresh_project(folder: Path) -> ReportedProject:
    """A project whose pipeline never ran."""
    write_sources(folder)
    params, paths = project(folder)
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": STAGES}, sort_keys=False))
    return ReportedProject(tiny_recipe(folder), params, paths, folder / "dvc.yaml", [])


def finished_project(folder: Path) -> ReportedProject:
    """A project whose pipeline has run."""
    reported = fresh_project(folder)
    with record_stage("extract", reported.paths):
        extract(reported.recipe, reported.paths)
    manifest = _write_dataset(reported.recipe, reported.paths)
    _write_model(reported, manifest)
    _write_results(reported.paths)
    _commit(folder)
    return reported


def again(reported: ReportedProject) -> ReportedProject:
    """The same project, of whose files nothing is remembered."""
    return ReportedProject(reported.recipe, reported.params, reported.paths, reported.pipeline, reported.states)


def move_shards(reported: ReportedProject) -> Path:
    """Leave only the manifest in the project, as a transform on another machine does.

    Returns:
        The folder below the storage root that holds the shards.
    """
    paths, folder = reported.paths, Path(reported.paths.shards)
    folder.mkdir(parents=True)
    manifest = read_manifest(str(paths.manifest))
    for name in manifest.file_names - {paths.manifest.name}:
        (paths.tfrecords / name).rename(folder / name)
    (folder / f"{manifest.sha256}.json").write_bytes(manifest.to_json())
    return folder


def _write_dataset(recipe: Recipe, paths: Paths) -> Manifest:
    random = np.random.default_rng(1)
    splits = {name: _rows(random, rows) for name, rows in (("train", 60), ("validation", 20), ("test", 20))}
    uri = str(paths.tfrecords)
    written = write_tfrecords(splits, uri, recipe.features, label=recipe.label, key=recipe.key, statistics=True)
    quality = {"read": 110, "excluded": {"cancelled": 8}, "rejected": {"amount is out of range": 2}}
    manifest = written.model_copy(
        update={"recipe": recipe.name, "tables": {"orders": 3, "shops": 0}, "quality": quality}
    )
    manifest.write(paths.tfrecords)
    return manifest


def _rows(random: np.random.Generator, count: int) -> dict[str, Any]:
    return {
        "amount": random.uniform(0, 1000, count).astype(np.float32),
        "items": random.integers(0, 100, count),
        "shop": np.array([f"s{index % 6}" for index in range(count)], object),
        "city": np.array(["Rome"] * count, object),
        "window": random.integers(0, 100, (count, 2)).astype(np.int16),
        "big": random.integers(0, 2, count),
    }


def _write_model(reported: ReportedProject, manifest: Manifest) -> None:
    paths = reported.paths
    data = {"manifest_sha256": manifest.sha256, "tables": manifest.tables, "run": RUN, "weights_sha256": WEIGHTS}
    timing = {"start_up_seconds": 12.5, "rows_per_second": 1234.5, "input_share": 0.03, "steps": 40, "step_p50": 0.004}
    _write(paths.model / "weights.json", {"sha256": WEIGHTS, "parameters": 61})
    _write(paths.model / "lineage.json", lineage(reported.params, paths.project, data))
    _write(paths.model / "timing.json", timing)
    progress = TrainingProgress(
        epoch=2, step=STEPS, losses=list(_losses()), validation=[{"epoch": 1}, {"epoch": 2}], starts=[0, RESTART]
    )
    serialization.save(CheckpointStore(f"{paths.runs}/{RUN}").uri(STEPS), [np.arange(3.0)], progress)


def _losses() -> Iterator[float]:
    return (1 / (step + 1) for step in range(STEPS))


def _write_results(paths: Paths) -> None:
    _write(paths.test_metrics, METRICS)
    _write(paths.baseline_metrics, BASELINES)
    _write(paths.metrics / "train.json", {"steps": STEPS, "train_loss": 0.1})
    paths.plots.mkdir(parents=True)
    rows = "".join(f"{step},{loss},16\n" for step, loss in enumerate(_losses(), 1))
    (paths.plots / "training.csv").write_text(f"step,loss,rows\n{rows}")
    (paths.plots / "validation.csv").write_text("epoch,val_loss\n1,0.5\n2,0.25\n")


def _write(path: Path, content: Any) -> None:
    storage.write_bytes(str(path), storage.to_json(content))


def _commit(folder: Path) -> None:
    """Let DVC hash all outputs into dvc.lock."""
    from dvc.repo import Repo

    with chdir(folder), Repo.init(no_scm=True) as repo:
        repo.commit(force=True)
