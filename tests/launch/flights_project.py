"""The flights of one January as a project: small enough to be trained in every place."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np

from tests.launch.drill import firelib

PARAMS = """
recipe: flights
storage: {root: storage}
data: {version: 0, split: {train: 0.8, validation: 0.1, test: 0.1}, shard_mib: 16}
train: {workers: 3, global_batch_size: 1024, epochs: 2, lr: 0.003, seed: 42}
model: {hidden: [64], embedding: 8}
"""
_ALIKE = {"FIRELIB_TRACKING": "none"}


def write_flights(folder: Path) -> Path:
    """The project's folder, with nothing but parameters."""
    (folder / "params.yaml").write_text(PARAMS)
    return folder


def copy_of(project: Path, folder: Path) -> Path:
    """A project with the same data and no training."""
    shutil.copytree(project / "data", folder / "data")
    shutil.copytree(project / "storage", folder / "storage", ignore=shutil.ignore_patterns("runs", "jobs", "scratch"))
    return write_flights(folder)


def do(project: Path, *words: str, **environment: str) -> str:
    """A command that has to go well; what it shows."""
    done = firelib(project, *words, timeout=540, **{**_ALIKE, **environment})
    assert done.returncode == 0, f"{words}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr


def lineage(project: Path) -> dict:
    return json.loads((project / "models/flights/lineage.json").read_text())


def losses(project: Path) -> list[float]:
    """Of each step."""
    with (project / "plots/flights/training.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def weights(project: Path) -> np.ndarray:
    """All weights of the trained model, one after the other."""
    import h5py

    found: list[np.ndarray] = []
    with _weights_file(project) as file:
        h5py.File(file, "r").visititems(
            lambda _, item: found.append(item[()].ravel()) if isinstance(item, h5py.Dataset) else None
        )
    return np.concatenate(found)


def _weights_file(project: Path):
    import zipfile

    return zipfile.ZipFile(project / "models/flights/model.keras").open("model.weights.h5")


def shape(record: object) -> object:
    """The names in a record, without its values."""
    if isinstance(record, dict):
        return {name: shape(value) for name, value in record.items()}
    return None
