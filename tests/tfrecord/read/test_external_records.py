"""TFRecords of other writers, without a manifest."""

import contextlib
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib import Feature, FirelibError, open_dataset
from firelib.tfrecord.format.framing import frame_header, masked_crc
from firelib.tfrecord.format.protobuf_wire import length_prefixed
from firelib.tfrecord.read.external_records import detect_compression
from tests.errors import refused

ROWS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two files written by TensorFlow."""
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


@pytest.mark.parametrize("compression", ["GZIP", "ZLIB"])
def test_files_that_tensorflow_compressed_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str
) -> None:
    import tensorflow as tf

    monkeypatch.setenv("FIRELIB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "d"
    folder.mkdir()
    for part, kind in enumerate((compression, "")):
        with tf.io.TFRecordWriter(str(folder / f"part-{part}"), tf.io.TFRecordOptions(compression_type=kind)) as writer:
            for row in range(part * ROWS, (part + 1) * ROWS):
                writer.write(_record(row))
    assert open_dataset(str(folder)).as_arrow("train")["id"].to_pylist() == list(range(2 * ROWS))
    content = (folder / "part-0").read_bytes()
    (folder / "part-0").write_bytes(content[: len(content) // 2])
    with refused(what="part-0", where=folder):
        open_dataset(str(folder))


@given(st.integers(0, 2**63 - 1))
def test_a_length_that_looks_like_a_compressed_file_is_a_length(noise: int) -> None:
    for mark in (b"\x1f\x8b\x08", b"\x78\x9c", b"\x78\x01"):
        length = mark + noise.to_bytes(8, "little")[len(mark) :]
        assert detect_compression(frame_header(int.from_bytes(length, "little"))) is None
        assert detect_compression(length + bytes(4)) in ("gzip", "zlib")


@given(st.binary(max_size=400), st.integers(-4, 2**64 - 1))
def test_random_bytes_are_refused_or_read_without_a_crash(content: bytes, length: int) -> None:
    """As a file, as the record of an intact file, and beside records with an impossible length."""
    impossible = struct.pack("<Q", length % 2**64)
    framed = frame_header(len(content)) + content + struct.pack("<I", masked_crc(content))
    with tempfile.TemporaryDirectory() as folder:
        for number, file in enumerate((content, framed, impossible + content, framed + impossible + bytes(8))):
            path = Path(folder, f"{number}.tfrecord")
            path.write_bytes(file)
            with contextlib.suppress(FirelibError):
                open_dataset(str(path)).as_arrow("train")
            with contextlib.suppress(FirelibError):
                open_dataset(str(path), features=[Feature("x", "int64", ragged=True)]).as_numpy("train")


def _example(names: str, lists: bytes = b"") -> bytes:
    """An Example with one integer for each letter; `lists` follow, as in a SequenceExample."""
    entries = [
        length_prefixed(b"\x0a" + length_prefixed(name.encode()) + b"\x12\x05\x1a\x03\x0a\x01\x07") for name in names
    ]
    return b"\x0a" + length_prefixed(b"".join(b"\x0a" + entry for entry in entries)) + lists


def _write(path: Path, records: list[bytes]) -> str:
    frames = (frame_header(len(record)) + record + struct.pack("<I", masked_crc(record)) for record in records)
    path.write_bytes(b"".join(frames))
    return str(path)


LISTS = b"\x12" + length_prefixed(b"\x0a\x00")
DECLARED = [Feature("a", "int64")]


@pytest.mark.parametrize("features", [None, DECLARED])
@pytest.mark.parametrize("position", [0, 1, 299])
@pytest.mark.parametrize("record", [_example("a", LISTS), LISTS, LISTS + _example("a")])
def test_sequence_examples_are_refused_with_file_and_record(
    tmp_path: Path, record: bytes, position: int, features: list[Feature] | None
) -> None:
    records = [_example("a")] * 300
    records[position] = record
    uri = _write(tmp_path / "x.tfrecord", records)
    with refused(
        what=["SequenceExample", "feature_lists"], where=[uri, position], remedy="tf.io.parse_sequence_example"
    ):
        open_dataset(uri, features=features).as_arrow("train")
    if features is None or position == 0:
        with refused(what="SequenceExample"):
            open_dataset(uri, features=features)


@pytest.mark.parametrize("position", [100, 4999])
def test_a_feature_that_first_appears_late_is_included(tmp_path: Path, position: int) -> None:
    records = [_example("a")] * 5000
    records[position] = _example("za")
    (tmp_path / "d").mkdir()
    _write(tmp_path / "d" / "0", [])
    _write(tmp_path / "d" / "1", records)
    _write(tmp_path / "d" / "2", [_example("ab")])
    dataset = open_dataset(str(tmp_path / "d"))
    found = [fitted.feature for fitted in dataset.manifest.features]
    assert found == [Feature("a", "int64"), Feature("b", "int64", optional=True), Feature("z", "int64", optional=True)]
    rows = dataset.as_arrow("train")
    assert rows["z"][position].as_py() == rows["b"][5000].as_py() == 7
    assert (rows["z"].null_count, rows["b"].null_count) == (5000, 5000)


def test_too_many_features_must_be_declared(tmp_path: Path) -> None:
    uri = _write(tmp_path / "x", [_example(chr(0x4E00 + row)) for row in range(2100)])
    with refused(what=2000, where=[uri, 2000], remedy="features="):
        open_dataset(uri)


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    record = _example("a").replace(b"a", b"\xff")
    uri = _write(tmp_path / "x", [_example("a")] * 200 + [record])
    with refused(what="UTF-8", where=[uri, 200]):
        open_dataset(uri)


@pytest.mark.parametrize("features", [None, [Feature("label", "int64")]])
def test_an_unknown_label_is_refused(folder: Path, features: list[Feature] | None) -> None:
    names = "name" if features is None else "label"
    with refused(what="labell" if features else "nam", where=folder, remedy=names):
        open_dataset(str(folder), features=features, label="labell" if features else "nam")


@pytest.mark.parametrize("record", [_example(""), _example("aa"), b"\x0a\xff"])
def test_a_record_that_does_not_fit_is_named(tmp_path: Path, record: bytes) -> None:
    records = [*[_example("a")] * 150, record, _example("a")]
    uri = _write(tmp_path / "x", records)
    dataset = open_dataset(uri, features=DECLARED)
    if record == _example("aa"):  # the last of two equal entries wins, as in Protocol Buffers
        assert dataset.as_arrow("train").num_rows == 152
        return
    with refused(where=[uri, 150]):
        dataset.as_arrow("train")
    with refused(where=[uri, 150]):
        list(dataset._store("train").load(np.array([140]), np.array([152])).decode(np.array([[11, 3, 10]]), {}))


def test_a_single_file(folder: Path) -> None:
    assert open_dataset(str(folder / "part-1.tfrecord")).rows("train") == ROWS


def test_a_truncated_file_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.tfrecord").write_bytes((folder / "part-0.tfrecord").read_bytes()[:-3])
    with refused(what=["record", 299], where=tmp_path / "x.tfrecord"):
        open_dataset(str(tmp_path / "x.tfrecord"))


def test_files_of_ray_data_are_read(tmp_path: Path, ray_cluster: None) -> None:
    import ray

    ray.data.from_items([{"id": row, "x": row / 2} for row in range(50)]).write_tfrecords(str(tmp_path / "ray"))
    rows = open_dataset(str(tmp_path / "ray")).as_arrow("train").to_pylist()
    assert sorted(row["id"] for row in rows) == list(range(50))


def test_features_of_a_dataset_with_a_manifest_are_refused(tmp_path: Path) -> None:
    from tests.tfrecord.small import write_dataset

    write_dataset(tmp_path, 3)
    with refused(what="manifest", where=tmp_path, remedy=["features=", "label="]):
        open_dataset(str(tmp_path), label="label")
