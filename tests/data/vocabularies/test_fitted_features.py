"""Vocabularies of a dataset with many distinct strings: merged from shards, capped, and stored beside the manifest."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib import open_dataset
from firelib.data.extract import extract
from firelib.data.transform import transform
from firelib.data.vocabularies.fitted_features import fit_features
from firelib.data.vocabularies.word_counts import WordFile
from firelib.project_layout import Paths
from firelib.recipe import Feature, Recipe, Source
from firelib.recipe.vocabulary import StoredVocabulary
from firelib.tfrecord.format.manifest import Manifest, read_manifest
from firelib.tfrecord.write.statistics import Moments
from tests.data.transformed import assert_no_leftovers
from tests.recipes.tiny import project

ROWS = 180_000  # more than 100,000 of them are in the training split: too many words for a manifest


class Words(Recipe):
    """Rows whose strings are few, many, or all different."""

    name = "words"
    key = ("id",)
    features = (
        Feature("few", "string", max_length=4),
        Feature("common", "string", max_words=2000),
        Feature("name", "string", max_length=8),
        Feature("text", "string"),
    )
    label = Feature("big", "int64", range=(0, 1))

    def transform(self, tables: Any) -> Any:
        return tables["rows"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, ray_cluster: None) -> tuple[Manifest, Paths, str]:
    """The dataset; and what the transform has said."""
    folder = tmp_path_factory.mktemp("words")
    ids = range(ROWS)
    columns = {
        "id": list(ids),
        "few": [f"f{number % 3}" for number in ids],
        "name": [f"{number:x}" for number in ids],
        "text": [f"text {number}" for number in ids],
        "big": [number % 2 for number in ids],
    }
    columns["common"] = [f"c{number % 5000 if number % 3 else number % 10}" for number in ids]
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    recipe = Words()
    recipe.sources = {"rows": Source(str(folder / "rows.parquet"))}
    params, paths = project(folder, shard_mib=2, partition_bytes=4 * 2**20)
    extract(recipe, paths)
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr("firelib.data.vocabularies.fitted_features.note", said.append)
        manifest = transform(recipe, params, paths)
    return manifest, paths, "\n".join(said)


def count(paths: Paths, column: str) -> Counter[str]:
    """String → number of occurrences in the training split, as the shards have it."""
    rows = open_dataset(str(paths.tfrecords)).as_arrow("train")
    return Counter(rows[column].to_pylist())


def by_frequency(counts: Counter[str]) -> list[str]:
    return [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def test_many_words_are_stored_beside_the_manifest(made: tuple[Manifest, Paths, str]) -> None:
    manifest, paths, _ = made
    name = read_manifest(str(paths.tfrecords)).fitted["name"]
    assert isinstance(name.vocabulary, StoredVocabulary)
    assert len(name.vocabulary) > 100_000
    assert list(name.vocabulary) == by_frequency(count(paths, "name"))
    assert name.cut_words == 0
    assert {path.name for path in paths.tfrecords.iterdir()} == manifest.file_names
    assert paths.manifest.stat().st_size < 100_000
    assert_no_leftovers(paths)


def test_a_cap_keeps_the_most_frequent_words_and_counts_the_others(made: tuple[Manifest, Paths, str]) -> None:
    manifest, paths, said = made
    expected, common = by_frequency(count(paths, "common")), manifest.fitted["common"]
    assert list(common.vocabulary) == expected[:2000]
    assert common.cut_words == len(expected) - 2000 > 0
    assert f"common: the vocabulary has the 2,000 most frequent of {len(expected):,} strings" in said


def test_other_features_are_as_before(made: tuple[Manifest, Paths, str]) -> None:
    manifest, paths, said = made
    assert list(manifest.fitted["few"].vocabulary) == by_frequency(count(paths, "few"))
    assert manifest.fitted["text"].vocabulary == ()
    assert manifest.fitted["text"].count == manifest.splits["train"].rows
    assert said.count("\n") == 0


@dataclass(frozen=True)
class Shard:
    """A shard of the training split with a few long strings."""

    moments: dict[str, Moments]
    split: str = "train"
    words: Mapping[str, WordFile] = field(default_factory=dict)


@pytest.mark.usefixtures("ray_cluster")
def test_few_words_with_many_characters_are_stored_beside_the_manifest(tmp_path: Path) -> None:
    recipe, counts = Words(), Counter({f"{number:03}" * 20_000: number for number in range(1, 101)})
    recipe.features = (Feature("common", "string", max_words=2000),)  # type: ignore[assignment]  a tuple of another length
    shard = Shard({"common": Moments(counts.total(), occurrences=counts)})
    folders = [str(tmp_path / name) for name in ("words", "shards", "scratch")]
    for folder in folders:
        Path(folder).mkdir()
    (fitted,) = fit_features(recipe, [shard], *folders)
    assert isinstance(fitted.vocabulary, StoredVocabulary)
    assert list(fitted.vocabulary) == by_frequency(counts)
    assert fitted.count == counts.total()
