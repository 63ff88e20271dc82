"""A vocabulary in a file beside the manifest."""

import pickle
from pathlib import Path

import pytest
import xxhash

from firelib.errors import FirelibError
from firelib.recipe.vocabulary import StoredVocabulary
from tests.errors import refused

FILE = "vocabulary-00003.json"


def write(folder: Path, content: bytes = b'["b", "a", "\xc3\xa9\\n"]') -> StoredVocabulary:
    (folder / FILE).write_bytes(content)
    return StoredVocabulary(FILE, 3, xxhash.xxh3_128_hexdigest(content), str(folder))


def test_it_is_a_sequence_of_words(tmp_path: Path) -> None:
    vocabulary = write(tmp_path)
    assert list(vocabulary) == ["b", "a", "é\n"]
    assert vocabulary[1] == "a"
    assert vocabulary[:2] == ["b", "a"]
    assert "é\n" in vocabulary


def test_the_file_is_only_read_for_its_words(tmp_path: Path) -> None:
    vocabulary = write(tmp_path)
    (tmp_path / FILE).unlink()
    assert len(vocabulary) == 3
    assert vocabulary
    with refused(what="missing", where=FILE, remedy="firelib transform"):
        list(vocabulary)


def test_another_process_gets_no_words_but_reads_them(tmp_path: Path) -> None:
    vocabulary = write(tmp_path, b'["word"]')
    list(vocabulary)
    pickled = pickle.dumps(vocabulary)
    assert b"word" not in pickled.replace(b"words", b"")
    assert list(pickle.loads(pickled)) == ["word"]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    vocabulary = write(tmp_path)
    (tmp_path / FILE).write_bytes(b'["b", "x", "c"]')
    with refused(what="does not have the hash", where=FILE, remedy="firelib transform"):
        list(vocabulary)


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "manifest.json", "vocabulary-1.json"])
def test_no_other_file_is_read(name: str) -> None:
    with pytest.raises(FirelibError):
        StoredVocabulary(name, 1, "0" * 32)
