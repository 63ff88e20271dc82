"""Datasets of the tiny recipe, made version by version."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from firelib.data.dataset_manifest import count_rows
from firelib.data.transform import transform
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest
from tests.data.transformed import hashes, make
from tests.recipes.tiny import Row, Tiny, project, tiny_recipe, write_sources


def remake(folder: Path, recipe: Recipe | None = None, **data: Any) -> tuple[Manifest, Paths]:
    """Transform what is extracted already."""
    params, paths = project(folder, **data)
    return transform(recipe or tiny_recipe(folder), params, paths), paths


def made_files(paths: Paths) -> dict[str, int]:
    """Name → i-node of the dataset's shards: a shard that was made again has another one."""
    return {path.name: path.stat().st_ino for path in paths.tfrecords.iterdir() if path.name != MANIFEST_NAME}


def generations_of(names: set[str]) -> set[str]:
    return {name.split("-")[1] for name in names}


def assert_from_scratch(paths: Paths, folder: Path, rows: list[Row], recipe: type[Tiny] = Tiny, **data: Any) -> None:
    """Fail unless a new project with the same rows gets the same bytes."""
    write_sources(folder, rows)
    manifest, others = make(folder, tiny_recipe(folder, kind=recipe), **data)
    assert hashes(others.tfrecords) == hashes(paths.tfrecords)
    assert pq.read_table(others.set_aside).equals(pq.read_table(paths.set_aside))
    assert len(set(count_rows(manifest))) == 1
