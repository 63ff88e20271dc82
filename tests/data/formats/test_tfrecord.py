import gzip
from pathlib import Path

import pytest

from firelib.data.formats.read import read_raw_file
from firelib.data.formats.tfrecord import read_tfrecord_head
from firelib.data.sources.raw_file import RawFile
from firelib.recipe import Feature, Source
from firelib.tfrecord.write.write_tfrecords import write_tfrecords
from tests.errors import refused

ROWS = {"x": [1, 2, 3], "word": ["a", "ü", ""], "list": [[1], [1, 2], []]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    features = [Feature("x", "int64"), Feature("word", "string"), Feature("list", "int64", ragged=True)]
    write_tfrecords(ROWS, str(tmp_path / "set"), features)
    (file,) = (tmp_path / "set").glob("*.tfrecord")
    return file.rename(tmp_path / "others.tfrecord")


def test_features_become_columns(path: Path) -> None:
    source = Source("others.tfrecord", types={"word": "string"})
    assert read_raw_file(RawFile(path, ""), source).to_pydict() == dict(sorted(ROWS.items()))
    packed = path.with_name("others.tfrecord.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_raw_file(RawFile(packed, ""), source).num_rows == 3
    with packed.open("rb") as file:
        assert read_tfrecord_head(file, packed.name, source, 2).rows["x"].to_pylist() == [1, 2]


def test_a_truncated_file(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])
    with refused(what="truncated", where="others.tfrecord"):
        read_raw_file(RawFile(path, ""), Source("others.tfrecord"))
