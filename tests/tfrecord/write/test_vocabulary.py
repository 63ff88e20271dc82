"""Caps of vocabularies, and those too large for the manifest."""

import json
from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from firelib import Feature, open_dataset, write_tfrecords
from firelib.recipe import FittedFeature
from firelib.recipe.vocabulary import StoredVocabulary
from firelib.tfrecord.format.manifest import read_manifest
from firelib.tfrecord.write import vocabulary
from firelib.tfrecord.write.vocabulary import store_vocabularies, write_vocabulary

WORDS = ["b", "é", "a\n", '"', "\\", ""]


def store(folder: Path, words: list[str]) -> FittedFeature:
    (fitted,) = store_vocabularies([FittedFeature(Feature("x", "string"), vocabulary=tuple(words))], str(folder))
    return fitted


@given(parts=st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3), max_size=4), max_size=4))
def test_the_file_is_a_json_list_whatever_the_parts(tmp_path_factory: pytest.TempPathFactory, parts) -> None:
    folder = tmp_path_factory.mktemp("words")
    stored = write_vocabulary(parts, str(folder), 7)
    content = (folder / "vocabulary-00007.json").read_bytes()
    assert json.loads(content) == list(stored) == [word for part in parts for word in part]
    assert stored.xxh128 == xxhash.xxh3_128_hexdigest(content)


def test_small_vocabularies_stay_in_the_manifest(tmp_path: Path) -> None:
    assert store(tmp_path, WORDS).vocabulary == tuple(WORDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["MOST_INSIDE", "MOST_CHARACTERS"])
def test_large_vocabularies_are_stored_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(vocabulary, name, 5)
    stored = store(tmp_path, WORDS).vocabulary
    assert isinstance(stored, StoredVocabulary)
    assert list(stored) == WORDS


def write_dataset(folder: Path, feature: Feature) -> FittedFeature:
    """A dataset in which `w3` occurs three times, `w2` twice, and `w1` once."""
    rows = {feature.name: np.array(["w1", "w2", "w3", "w2", "w3", "w3"])}
    write_tfrecords(rows, str(folder), [feature], statistics=True, overwrite=True)
    return read_manifest(str(folder)).fitted[feature.name]


@pytest.mark.parametrize("max_length", [None, 4])
def test_the_most_frequent_words_are_kept_and_the_others_counted(tmp_path: Path, max_length: int | None) -> None:
    fitted = write_dataset(tmp_path / "data", Feature("x", "string", max_length=max_length, max_words=2))
    assert fitted.vocabulary == ("w3", "w2")
    assert fitted.cut_words == 1
    assert fitted.max_words == 2
    assert "2 of 3 values" in str(open_dataset(str(tmp_path / "data")))


def test_manifests_without_caps_have_the_members_of_earlier_versions(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", Feature("x", "string", max_length=4))
    content = (tmp_path / "data" / "manifest.json").read_text()
    assert "max_words" not in content
    assert "cut_words" not in content
    assert "folder" not in content


def test_a_dataset_names_its_vocabulary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_INSIDE", 2)
    folder = tmp_path / "data"
    fitted = write_dataset(folder, Feature("x", "string", max_length=4))
    assert isinstance(fitted.vocabulary, StoredVocabulary)
    assert list(fitted.vocabulary) == ["w3", "w2", "w1"]
    manifest = read_manifest(str(folder))
    assert manifest.file_names == {path.name for path in folder.iterdir()}
    assert manifest.sha256 == read_manifest(str(folder / "manifest.json")).sha256
    monkeypatch.setattr(vocabulary, "MOST_INSIDE", 3)
    assert write_dataset(folder, Feature("x", "string", max_length=4)).vocabulary == ("w3", "w2", "w1")
    assert not list(folder.glob("vocabulary*"))
