"""A project with generated data for the recipe of this package."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.elastic.recipe import WIDTH, Steps
from firelib.project_layout import Paths
from firelib.recipe import FittedFeature
from firelib.tfrecord.format.fixed_layout import build_fixed_layout
from firelib.tfrecord.format.manifest import Manifest, Split
from firelib.tfrecord.write.shard_writer import shard_name, write_shard

WORKERS = 2
BATCH = 1024
_ENDLESS = 100_000  # epochs: the benchmark ends the training
_SIDE_ROWS = BATCH  # of validation and test


@dataclass(frozen=True)
class Project:
    """A folder in which `firelib train` runs.

    Attributes:
        folder: The folder.
        epoch_steps: Steps of an epoch.
    """

    folder: Path
    epoch_steps: int

    @property
    def log(self) -> Path:
        """Folder in which the workers write down their steps."""
        return self.folder / "log"

    @property
    def paths(self) -> Paths:
        return Paths(Steps.name, str(self.folder / "storage"), self.folder)


def write_project(folder: Path, epoch_steps: int, checkpoint: dict[str, Any]) -> Project:
    """Write the data and params.yaml.

    Args:
        folder: A folder that does not exist.
        epoch_steps: Steps of an epoch.
        checkpoint: Section `train.checkpoint`.
    """
    project = Project(folder, epoch_steps)
    project.log.mkdir(parents=True)
    _write_dataset(project.paths, {"train": epoch_steps * BATCH, "validation": _SIDE_ROWS, "test": _SIDE_ROWS})
    train = {"workers": WORKERS, "global_batch_size": BATCH, "epochs": _ENDLESS, "lr": 0.001, "seed": 1}
    params = {
        "recipe": "benchmarks.elastic.recipe",
        "storage": {"root": "storage"},
        "data": {"version": None, "split": {"train": 0.8, "validation": 0.1, "test": 0.1}, "shard_mib": 16},
        "train": {**train, "device": "cpu", "checkpoint": checkpoint},
        "model": {"log": str(project.log)},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return project


def _write_dataset(paths: Paths, rows: dict[str, int]) -> None:
    paths.tfrecords.mkdir(parents=True)
    layout = build_fixed_layout([*Steps.features, Steps.label])
    splits = {}
    for seed, (split, count) in enumerate(rows.items()):
        shard = write_shard(paths.tfrecords / shard_name(split, 0, 1), _columns(count, seed), layout)
        splits[split] = Split(rows=count, shards=(shard,))
    Manifest(
        recipe=Steps.name,
        features=tuple(FittedFeature(feature) for feature in Steps.features),
        label=Steps.label,
        key=Steps.key,
        record_bytes=layout.record_bytes,
        splits=splits,
        tables={"rows": 0},
        quality={"read": sum(rows.values()), "excluded": {}, "rejected": {}},
    ).write(paths.tfrecords)


def _columns(rows: int, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, WIDTH)).astype("<f4")
    noise = random.normal(scale=2.0, size=rows)
    return {"values": values, "positive": (values.sum(axis=1) + noise > 0).astype("<i8")}
