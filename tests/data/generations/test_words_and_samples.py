"""Vocabularies and samples for drift are the same whether generations are made or read from their records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib import storage
from firelib.data.vocabularies.merge import FEW_WORDS
from firelib.project_layout import Paths
from firelib.recipe import Expectation, Feature, Recipe, Source
from firelib.tfrecord.format.manifest import Manifest
from tests.data.generations.made import made_files, remake
from tests.data.transformed import hashes, make

pytestmark = pytest.mark.usefixtures("ray_cluster")
DAILY = 2 * FEW_WORDS  # rows of a day, of which 60 % are in the training split
DATA = {"shard_mib": 0.5, "partition_bytes": 2**20}  # one generation a day


class Words(Recipe):
    """Most rows have a word of their own, and drift has a limit."""

    name = "tiny"
    key = ("day", "id")
    features = (Feature("word", "string", max_length=12), Feature("number", "float32"))
    label = Feature("big", "int64", range=(0, 1))
    expectations = (Expectation("number", psi=0.2, on_failure="warn"),)

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return tables["rows"]


def words_recipe(folder: Path, days: int = 3) -> Recipe:
    folder.mkdir()
    ids = range(days * DAILY)
    columns = {
        "day": [number // DAILY for number in ids],
        "id": list(ids),
        "word": [f"{number % (2 * DAILY):x}" for number in ids],
        "number": [float(number % 1000) for number in ids],
        "big": [number % 2 for number in ids],
    }
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    recipe = Words()
    recipe.sources = {"rows": Source(str(folder / "rows.parquet"), commit_by=("day",))}  # type: ignore[misc]
    return recipe


def read_sample(manifest: Manifest, paths: Paths) -> pd.DataFrame:
    uri = storage.join(paths.root, "samples", paths.recipe, f"{manifest.sha256}.parquet")
    frame: pd.DataFrame = pq.read_table(uri).to_pandas()
    return frame.sort_values(list(frame.columns), ignore_index=True)


def test_words_and_samples_do_not_depend_on_history(tmp_path: Path) -> None:
    recipe = words_recipe(tmp_path / "a")
    make(tmp_path / "a", recipe, version=0, **DATA)
    manifest, paths = remake(tmp_path / "a", recipe, **DATA)
    assert len([*Path(paths.records).glob("*.words")]) == 3
    scratch, others = make(tmp_path / "b", words_recipe(tmp_path / "b"), **DATA)
    assert scratch == manifest
    assert hashes(others.tfrecords) == hashes(paths.tfrecords)
    pd.testing.assert_frame_equal(read_sample(scratch, others), read_sample(manifest, paths))
    assert len(read_sample(manifest, paths)) == 3 * DAILY
    before = made_files(paths)
    check_repair(recipe, tmp_path / "a", paths)
    assert made_files(paths) == before


def check_repair(recipe: Recipe, folder: Path, paths: Paths) -> None:
    """Damage a file of words: its generation is made again, and gives the same words."""
    manifest = paths.manifest.read_bytes()
    victim = next(Path(paths.records).glob("*.words"))
    content = victim.read_bytes()
    victim.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    remake(folder, recipe, **DATA)
    assert victim.read_bytes() == content
    assert paths.manifest.read_bytes() == manifest
