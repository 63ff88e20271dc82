"""A project with the flights of one January, small enough to train on every backend."""

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
    """Write the project, which consists of its parameters only; return its folder."""
    (folder / "params.yaml").write_text(PARAMS)
    return folder


def copy_project(project: Path, folder: Path) -> Path:
    """Copy a project without its training; return the new folder."""
    shutil.copytree(project / "data", folder / "data")
    shutil.copytree(project / "storage", folder / "storage", ignore=shutil.ignore_patterns("runs", "jobs", "scratch"))
    return write_flights(folder)


def run_firelib(project: Path, *arguments: str, **environment: str) -> str:
    """Run a command that must succeed; return its output."""
    done = firelib(project, *arguments, timeout=540, **{**_ALIKE, **environment})
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout + done.stderr


def lineage(project: Path) -> dict:
    return json.loads((project / "models/flights/lineage.json").read_text())


def losses(project: Path) -> list[float]:
    """Return the loss of each step."""
    with (project / "plots/flights/training.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def weights(project: Path, recipe: str = "flights") -> np.ndarray:
    """Return all weights of the trained model as one array."""
    import h5py

    found: list[np.ndarray] = []
    with _weights_file(project, recipe) as file:
        h5py.File(file, "r").visititems(
            lambda _, item: found.append(item[()].ravel()) if isinstance(item, h5py.Dataset) else None
        )
    return np.concatenate(found)


def _weights_file(project: Path, recipe: str):
    import zipfile

    return zipfile.ZipFile(project / "models" / recipe / "model.keras").open("model.weights.h5")


def shape(record: object) -> object:
    """Return a record without its values."""
    if isinstance(record, dict):
        return {name: shape(value) for name, value in record.items()}
    return None
