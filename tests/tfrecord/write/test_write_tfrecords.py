"""`write_tfrecords`: the same rows give the same bytes from every input type, and datasets are published atomically."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xxhash

import firelib
from firelib import Feature, open_dataset, write_tfrecords
from firelib.tfrecord.format.manifest import Split
from tests.errors import refused
from tests.tfrecord.samples import assert_equal, table
from tests.tfrecord.small import FEATURES, LABEL, TEXT_FEATURES, columns, text_table

ROWS = 3000


def _frame(rows: int = ROWS) -> pd.DataFrame:
    values = columns(rows)
    frame = pd.DataFrame({name: values[name] for name in ("number", "count", "label")})
    frame["word"] = [word.decode() for word in values["word"]]
    frame["picture"] = [picture.ravel().tolist() for picture in values["picture"]]
    return frame


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _write(data: Any, folder: Path, features: Any = FEATURES, **options: Any) -> dict[str, bytes]:
    write_tfrecords(data, str(folder), features, label=LABEL, **{"shard_mib": 0.05, **options})
    return _content(folder)


SOURCES = {
    "pandas": _frame,
    "columns": lambda: columns(ROWS),
    "batches": lambda: table(columns(ROWS)).to_batches(max_chunksize=77),
    "reader": lambda: pa.RecordBatchReader.from_batches(table(columns(ROWS)).schema, table(columns(ROWS)).to_batches()),
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, source: str) -> None:
    expected = _write(table(columns(ROWS)), tmp_path / "table")
    assert len(expected) > 3
    assert _write(SOURCES[source](), tmp_path / source) == expected


def test_ray_data(tmp_path: Path, ray_cluster: None) -> None:
    import ray

    data = ray.data.from_arrow(table(columns(ROWS)))
    assert _write(data, tmp_path / "ray") == _write(table(columns(ROWS)), tmp_path / "table")


def test_dask_partitions_are_written_in_order_as_separate_shards(tmp_path: Path) -> None:
    import dask
    import dask.dataframe as dd

    with dask.config.set({"dataframe.convert-string": False}):  # Dask would convert lists to strings
        frame = dd.from_pandas(_frame(), npartitions=3, sort=False)
        _write(frame, tmp_path / "dask", shard_mib=64)
    dataset = open_dataset(str(tmp_path / "dask"))
    assert [shard.rows for shard in dataset.manifest.split("train").shards] == [1000, 1000, 1000]
    assert_equal(dataset.as_numpy("train"), columns(ROWS))


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_the_fixed_layout_round_trips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: Any) -> None:
    monkeypatch.setenv("FIRELIB_CACHE", str(tmp_path / "cache"))
    _write(columns(ROWS), tmp_path / "d", compression=compression)
    dataset = open_dataset(str(tmp_path / "d"))
    assert_equal(dataset.as_numpy("train"), columns(ROWS))
    dataset.verify()


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_the_canonical_layout_round_trips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: Any) -> None:
    import tensorflow as tf

    monkeypatch.setenv("FIRELIB_CACHE", str(tmp_path / "cache"))
    _write(text_table(ROWS), tmp_path / "d", TEXT_FEATURES, compression=compression)
    dataset = open_dataset(str(tmp_path / "d"))
    found = dataset.as_arrow("train")
    names = ["text", "ids", "label"]
    assert found.select(names).to_pylist() == text_table(ROWS).select(names).to_pylist()
    assert found["score"].to_pylist() == text_table(ROWS)["score"].cast(pa.float32()).to_pylist()
    dataset.verify()
    files = sorted(str(path) for path in (tmp_path / "d").glob("*.tfrecord*") if path.suffix != ".index")
    records = tf.data.TFRecordDataset(files, compression_type="GZIP" if compression else "")
    assert sum(1 for _ in records) == ROWS


def test_canonical_batches_contain_the_rows_in_the_elastic_order(tmp_path: Path) -> None:
    _write(text_table(ROWS), tmp_path / "d", TEXT_FEATURES)
    dataset, expected = open_dataset(str(tmp_path / "d")), text_table(ROWS).to_pylist()
    seen = []
    for rank in range(2):
        batches = dataset.as_tf(100, seed=1, world_size=2, rank=rank, pad_last=True)
        assert batches.cardinality().numpy() == 30
        for features, label, weights in batches:
            texts, ids, labels = features["text"].numpy(), features["ids"].to_list(), label.numpy()
            for row in np.flatnonzero(weights.numpy()):
                text = texts[row].decode()
                seen.append(number := int(text.split()[0]))
                assert text == expected[number]["text"]
                assert ids[row] == expected[number]["ids"]
                assert labels[row] == expected[number]["label"]
    assert sorted(seen) == list(range(ROWS))


def test_a_dataset_of_strings_is_read_in_several_batches_per_call(tmp_path: Path) -> None:
    write_tfrecords(text_table(ROWS), str(tmp_path / "d"), TEXT_FEATURES[:1])
    batches = open_dataset(str(tmp_path / "d")).as_tf(64)
    texts = [text.decode() for batch in batches.as_numpy_iterator() for text in batch["text"]]
    assert texts == text_table(ROWS)["text"].to_pylist()


def test_a_nul_inside_a_string_is_preserved(tmp_path: Path) -> None:
    features = [Feature("a", "string"), Feature("b", "string", max_length=4)]
    write_tfrecords(pa.table({"a": ["x\0y\0"], "b": ["x\0y"]}), str(tmp_path / "canonical"), features)
    write_tfrecords(pa.table({"b": ["x\0y"]}), str(tmp_path / "fixed"), features[1:])
    canonical = next(open_dataset(str(tmp_path / "canonical")).as_tf(1).as_numpy_iterator())
    assert (canonical["a"].tolist(), canonical["b"].tolist()) == ([b"x\0y\0"], [b"x\0y"])
    assert next(open_dataset(str(tmp_path / "fixed")).as_tf(1).as_numpy_iterator())["b"].tolist() == [b"x\0y"]


def test_optional_arrays(tmp_path: Path) -> None:
    features = [Feature("xy", "float32", shape=(2,), optional=True, range=(0, 9)), Feature("id", "int64")]
    rows = pa.table({"xy": [[1.0, 2.0], None, [3.0, 4.0]], "id": [1, 2, 3]})
    write_tfrecords(rows, str(tmp_path / "d"), features)
    dataset = open_dataset(str(tmp_path / "d"))
    assert dataset.as_arrow("train")["xy"].to_pylist() == rows["xy"].to_pylist()
    batch = next(dataset.as_tf(3).as_numpy_iterator())
    assert np.array_equal(batch["xy"], np.float32([[1, 2], [np.nan, np.nan], [3, 4]]), equal_nan=True)


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize(
    ("value", "named"),
    [([1.0, 10.0], [10.0, "(0, 9)"]), ([1.0], ["1 values", 2]), ([1.0, None], ["1 values", "missing"])],
)
def test_arrays_that_violate_their_declaration_are_refused(
    tmp_path: Path, optional: bool, value: list[float], named: list[str | float]
) -> None:
    features = [Feature("xy", "float32", shape=(2,), optional=optional, range=(0, 9))]
    with refused(what=named, where="xy"):
        write_tfrecords(pa.table({"xy": [[1.0, 2.0], value]}), str(tmp_path / "d"), features)
    assert not (tmp_path / "d").exists()


def test_a_flipped_bit_in_the_canonical_layout_is_named(tmp_path: Path) -> None:
    write_tfrecords(text_table(50), str(tmp_path / "d"), TEXT_FEATURES, label=LABEL)
    dataset = open_dataset(str(tmp_path / "d"))
    shard = dataset.manifest.split("train").shards[0].name
    content = bytearray((tmp_path / "d" / shard).read_bytes())
    begins = np.frombuffer((tmp_path / "d" / f"{shard}.index").read_bytes(), "<i8")
    content[begins[7] + 20] ^= 1
    (tmp_path / "d" / shard).write_bytes(content)
    with refused(what=["record", 7, "CRC"], where=tmp_path / "d" / shard):
        dataset.verify()


def test_an_index_that_does_not_match_its_shard_is_refused(tmp_path: Path) -> None:
    """Even if its hash matches the manifest: compiled code reads at these offsets without a bounds check."""
    write_tfrecords(text_table(3), str(tmp_path), TEXT_FEATURES, label=LABEL)
    manifest = open_dataset(str(tmp_path)).manifest
    shard = manifest.split("train").shards[0]
    third = (2**64 + shard.bytes) // 3
    wrapping = [0, third, 2 * third - 2**64, shard.bytes]  # each difference is positive, as 64 bits see it
    for offsets in ([0, 2**40, 16, shard.bytes], [8, 50, 90, shard.bytes], [0, 50, 90, shard.bytes + 8], wrapping):
        content = np.array(offsets, "<i8").tobytes()
        (tmp_path / f"{shard.name}.index").write_bytes(content)
        forged = shard.model_copy(update={"index_xxh128": xxhash.xxh3_128_hexdigest(content)})
        splits = {"train": Split(rows=3, shards=(forged,))}
        manifest.model_copy(update={"splits": splits}).write(tmp_path)
        with refused(what=f"{shard.name}.index", where=tmp_path) as caught:
            open_dataset(str(tmp_path)).as_arrow("train")
        assert "hash" not in caught.value.what, "the manifest has the hash of the forged index"


def test_splits(tmp_path: Path) -> None:
    _write({"train": _frame(20), "test": _frame(5)}, tmp_path / "d")
    dataset = open_dataset(str(tmp_path / "d"))
    assert (dataset.rows("train"), dataset.rows("test")) == (20, 5)


def test_a_remote_storage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FIRELIB_CACHE", str(tmp_path))
    write_tfrecords(columns(500), "memory://bucket/replaced", FEATURES, label=LABEL, shard_mib=0.01)
    assert_equal(open_dataset("memory://bucket/replaced").as_numpy("train"), columns(500))
    write_tfrecords(columns(400), "memory://bucket/replaced", FEATURES, label=LABEL, overwrite=True)
    assert_equal(open_dataset("memory://bucket/replaced").as_numpy("train"), columns(400))
    write_tfrecords(text_table(50), "memory://bucket/texts", TEXT_FEATURES)
    assert open_dataset("memory://bucket/texts").as_arrow("train").num_rows == 50


def test_a_dataset_without_rows(tmp_path: Path) -> None:
    _write(columns(0), tmp_path / "d")
    assert open_dataset(str(tmp_path / "d")).rows("train") == 0
    assert len(_content(tmp_path / "d")) == 2


def test_a_dataset_is_replaced_only_with_overwrite(tmp_path: Path) -> None:
    _write(columns(9), tmp_path / "d")
    with refused(where=tmp_path / "d", remedy="overwrite=True"):
        _write(columns(5), tmp_path / "d")
    _write(columns(5), tmp_path / "d", overwrite=True)
    assert open_dataset(str(tmp_path / "d")).rows("train") == 5


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with refused(what="thesis.txt", where=tmp_path):
        _write(columns(5), tmp_path, overwrite=True)
    assert (tmp_path / "thesis.txt").exists()


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def rows() -> Any:
        yield table(columns(1000))
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        _write(rows(), tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (5, {"what": ["int", "table"], "where": "write_tfrecords", "remedy": ["pandas", "Arrow"]}),
        ({"number": np.zeros(3)}, {"what": ["column", "count"]}),
    ],
)
def test_unsupported_input_is_refused(tmp_path: Path, data: Any, named: dict[str, Any]) -> None:
    with refused(**named):
        _write(data, tmp_path / "d")


def test_write_tfrecords_is_public() -> None:
    assert firelib.write_tfrecords is write_tfrecords
