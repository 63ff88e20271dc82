"""TFRecords of other writers, without a manifest."""

from pathlib import Path
from typing import Any

import pytest

from firelib import Feature, FirelibError, open_dataset

ROWS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files that TensorFlow wrote."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("foreign")
    for part in range(2):
        with tf.io.TFRecordWriter(str(folder / f"part-{part}.tfrecord")) as writer:
            for row in range(part * ROWS, (part + 1) * ROWS):
                writer.write(_record(row))
    return folder


def _record(row: int) -> bytes:
    import tensorflow as tf

    lists: dict[str, Any] = {
        "id": tf.train.Feature(int64_list=tf.train.Int64List(value=[row])),
        "xy": tf.train.Feature(float_list=tf.train.FloatList(value=[row, -row])),
        "name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"n%d" % row])),
        "tags": tf.train.Feature(int64_list=tf.train.Int64List(value=range(row % 4))),
    }
    if row % 2:
        lists["odd"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))
    return tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString()


def test_features_are_inferred(folder: Path) -> None:
    found = [fitted.feature for fitted in open_dataset(str(folder)).manifest.features]
    assert found == [
        Feature("id", "int64"),
        Feature("name", "bytes"),
        Feature("odd", "int64", optional=True),
        Feature("tags", "int64", ragged=True),
        Feature("xy", "float32", shape=(2,)),
    ]


def test_rows_are_read(folder: Path) -> None:
    rows = open_dataset(str(folder)).as_arrow("train").to_pylist()
    assert [row["id"] for row in rows] == list(range(2 * ROWS))
    assert rows[7] == {"id": 7, "name": b"n7", "odd": 1, "tags": [0, 1, 2], "xy": [7.0, -7.0]}


def test_batches_in_the_elastic_order(folder: Path) -> None:
    dataset = open_dataset(
        str(folder), features=[Feature("id", "int64"), Feature("xy", "float32", shape=(2,))], label="id"
    )
    seen = []
    for features, label in dataset.as_tf(64, seed=1).as_numpy_iterator():
        assert (features["xy"][:, 0] == label).all()
        seen += label.tolist()
    assert sorted(seen) == list(range(2 * ROWS))


def test_one_file(folder: Path) -> None:
    assert open_dataset(str(folder / "part-1.tfrecord")).rows("train") == ROWS


def test_a_file_that_is_cut_short_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.tfrecord").write_bytes((folder / "part-0.tfrecord").read_bytes()[:-3])
    with pytest.raises(FirelibError, match="record 299 is cut short"):
        open_dataset(str(tmp_path / "x.tfrecord"))


def test_what_ray_data_writes_is_read(tmp_path: Path, ray_cluster: None) -> None:
    import ray

    ray.data.from_items([{"id": row, "x": row / 2} for row in range(50)]).write_tfrecords(str(tmp_path / "ray"))
    rows = open_dataset(str(tmp_path / "ray")).as_arrow("train").to_pylist()
    assert sorted(row["id"] for row in rows) == list(range(50))


def test_features_of_a_dataset_with_a_manifest_are_not_asked_for(tmp_path: Path) -> None:
    from tests.tfrecord.small import write_dataset

    write_dataset(tmp_path, 3)
    with pytest.raises(FirelibError, match="manifest names"):
        open_dataset(str(tmp_path), label="label")
