"""Datasets of the tiny recipe: make them, and read what the transform wrote."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from firelib import storage
from firelib.data.extract import extract
from firelib.data.transform import transform
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.format.framing import verify_frames
from firelib.tfrecord.format.manifest import Manifest
from tests.recipes.tiny import Row, project, tiny_recipe
from tests.tfrecord.reference import decode, strip_framing

INVALID: list[Row] = [
    {"day": 1, "id": 901, "shop": "s1", "amount": 5000, "items": 1, "state": "paid", "big": 0},
    {"day": 1, "id": 901, "shop": "s2", "amount": 6000, "items": 1, "state": "paid", "big": 0},
    {"day": 2, "id": 902, "shop": "s1", "amount": 5, "items": 101, "state": "paid", "big": 0},
    {"day": 3, "id": 903, "shop": "s1x", "amount": 5, "items": 1, "state": "paid", "big": 1},
    {"day": 4, "id": 904, "shop": "s1", "amount": 5, "items": 1, "state": "paid", "big": 2},
    {"day": 4, "id": 904, "shop": "s1", "amount": 5000, "items": 1, "state": "returned", "big": 2},
]
TWICE: list[Row] = [
    {"day": day, "id": 950, "shop": "s1", "amount": amount, "items": 1, "state": "paid", "big": 0}
    for day in (2, 3)
    for amount in (20, 10)
]


def make(folder: Path, recipe: Recipe | None = None, **data: Any) -> tuple[Manifest, Paths]:
    """Extract and transform the sources in a folder."""
    recipe = recipe or tiny_recipe(folder)
    params, paths = project(folder, **data)
    extract(recipe, paths)
    return transform(recipe, params, paths), paths


def hashes(folder: Path) -> dict[str, str]:
    """File name → SHA-256."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def rows_of(manifest: Manifest, paths: Paths, split: str) -> list[Row]:
    """The rows in the shards of a split."""
    rows = []
    for shard in manifest.splits[split].shards:
        block = np.frombuffer((paths.tfrecords / shard.name).read_bytes(), np.uint8)
        verify_frames(block, manifest.record_bytes, shard.name)
        columns = decode(strip_framing(block, manifest.record_bytes), manifest.layout)
        assert {len(column) for column in columns.values()} == {shard.rows}
        rows += [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return rows


def assert_no_leftovers(paths: Paths) -> None:
    """Fail unless scratch storage is empty and the dataset's folder has only its final files."""
    assert not storage.exists(paths.scratch) or list(Path(paths.scratch).iterdir()) == []
    left = [path.name for path in paths.tfrecords.parent.iterdir()]
    assert sorted(left) == sorted({"lake.json", "rejected.parquet", "tfrecords"} & set(left))
