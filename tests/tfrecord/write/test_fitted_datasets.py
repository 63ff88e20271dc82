"""Statistics of `write_tfrecords`: those of the pipeline, whatever the grouping of the rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from firelib import Feature, open_dataset, write_tfrecords
from firelib.tfrecord.write import partition_writer
from tests.errors import refused

FEATURES = [
    Feature("x", "float32", nullable=True),
    Feature("word", "string", max_length=4),
    Feature("tags", "int64", ragged=True),
]
ROWS = 100
TABLE = pa.table(
    {
        "x": pa.array([None if row % 10 == 3 else row / 7 for row in range(ROWS)], pa.float32()),
        "word": [f"w{row % 3}" for row in range(ROWS)],
        "tags": [list(range(row % 4)) for row in range(ROWS)],
    }
)


def test_readers_get_the_statistics(tmp_path: Path) -> None:
    write_tfrecords({"train": TABLE, "test": TABLE.slice(0, 3)}, str(tmp_path / "d"), FEATURES, statistics=True)
    features = open_dataset(str(tmp_path / "d")).features
    present = np.array([value for value in TABLE["x"].to_pylist() if value is not None])
    x = features["x"]
    assert (x.count, x.missing, x.minimum, x.maximum) == (90, 10, present.min(), present.max())
    assert (x.mean, x.std) == pytest.approx((present.mean(), present.std()))
    assert features["word"].vocabulary == ("w0", "w1", "w2")
    assert features["tags"].count == 150


def test_manifest_does_not_depend_on_the_grouping_of_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition_writer, "_SLICE_ROWS", 16)
    whole = write_tfrecords(TABLE, str(tmp_path / "whole"), FEATURES, statistics=True)
    parts = [TABLE.slice(0, 1), TABLE.slice(1, 40), TABLE.slice(41, 0), TABLE.slice(41)]
    assert write_tfrecords(parts, str(tmp_path / "parts"), FEATURES, statistics=True) == whole
    plain = write_tfrecords(TABLE, str(tmp_path / "plain"), FEATURES)
    assert plain.splits == whole.splits
    assert plain.fitted["x"].count == 0


def test_statistics_of_another_split_are_refused(tmp_path: Path) -> None:
    with refused(what=["train", "all"], where="write_tfrecords"):
        write_tfrecords({"all": TABLE}, str(tmp_path / "d"), FEATURES, statistics=True)
    assert not (tmp_path / "d").exists()
