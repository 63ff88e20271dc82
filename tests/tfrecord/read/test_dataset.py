"""Reading: every row once per epoch, the same batches for every world size, errors that name damaged files."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from firelib import Feature, open_dataset, write_tfrecords
from firelib.tfrecord.format.manifest import MANIFEST_NAME
from tests.errors import refused
from tests.tfrecord.samples import assert_equal
from tests.tfrecord.small import columns, write_dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    write_dataset(folder, 400, 1, 0, 333)
    return folder


def test_an_invalid_manifest_is_not_mistaken_for_files_of_another_writer(tmp_path: Path) -> None:
    write_dataset(tmp_path, 3)
    (tmp_path / MANIFEST_NAME).write_text("{}")
    with refused(what="manifest", where=tmp_path / MANIFEST_NAME, remedy="firelib transform"):
        open_dataset(str(tmp_path))


def _batches(folder: Path, **options: object) -> list:
    return list(open_dataset(str(folder)).as_tf(**{"batch_size": 64, **options}).as_numpy_iterator())


def _counts(batch: tuple) -> list[int]:
    return batch[0]["count"].tolist()


def test_as_numpy_is_the_split_in_file_order(folder: Path) -> None:
    assert_equal(open_dataset(str(folder)).as_numpy("train"), columns(734))


def test_batches_in_file_order_contain_the_written_rows(folder: Path) -> None:
    expected = columns(734)
    for step, (features, label) in enumerate(_batches(folder)):
        rows = slice(step * 64, (step + 1) * 64)
        assert "label" not in features
        assert np.array_equal(label, expected["label"][rows])
        for name in ("number", "count", "picture"):
            assert np.array_equal(features[name], expected[name][rows])
        assert features["word"].tolist() == expected["word"][rows].tolist()


def test_every_row_comes_once_an_epoch(folder: Path) -> None:
    seen = Counter(count for batch in _batches(folder, seed=1) for count in _counts(batch))
    assert seen == Counter(range(734))


@pytest.mark.parametrize("world_size", [2, 3, 4])
def test_the_global_batch_is_the_same_for_every_world_size(folder: Path, world_size: int) -> None:
    alone = [sorted(_counts(batch)) for batch in _batches(folder, seed=7, epoch=1)]
    ranks = [_batches(folder, seed=7, epoch=1, world_size=world_size, rank=rank) for rank in range(world_size)]
    together = [sorted(count for batch in step for count in _counts(batch)) for step in zip(*ranks, strict=True)]
    assert together == alone


def test_a_start_step_continues_the_epoch(folder: Path) -> None:
    whole = [_counts(batch) for batch in _batches(folder, seed=5)]
    assert [_counts(batch) for batch in _batches(folder, seed=5, start_step=4)] == whole[4:]
    assert _batches(folder, start_step=len(whole)) == []


@pytest.mark.parametrize("world_size", [1, 3])
def test_padded_batches_have_one_shape_and_weights_that_sum_to_one(folder: Path, world_size: int) -> None:
    ranks = [_batches(folder, seed=2, world_size=world_size, rank=rank, pad_last=True) for rank in range(world_size)]
    assert len({len(weights) for batches in ranks for _, _, weights in batches}) == 1
    for step in zip(*ranks, strict=True):
        assert sum(weights.sum() for _, _, weights in step) == pytest.approx(1)
    real = [
        count
        for batches in ranks
        for features, _, weights in batches
        for count in features["count"][weights > 0].tolist()
    ]
    assert Counter(real) == Counter(range(734))


def test_padded_batches_have_static_shapes_and_a_cardinality(folder: Path) -> None:
    dataset = open_dataset(str(folder)).as_tf(64, pad_last=True, world_size=3, rank=2, start_step=2)
    assert dataset.cardinality().numpy() == 12 - 2
    assert dataset.element_spec[0]["picture"].shape == (22, 3, 2)
    assert dataset.element_spec[0]["word"].dtype.name == "string"


def test_a_packed_batch_is_unpacked_to_the_same(folder: Path) -> None:
    dataset = open_dataset(str(folder))
    packed = dataset.as_tf(64, seed=3, pad_last=True, packed=True).map(dataset.unpack).as_numpy_iterator()
    for (features, *rest), (found, *found_rest) in zip(_batches(folder, seed=3, pad_last=True), packed, strict=True):
        assert {name: column.tolist() for name, column in features.items()} == {
            name: column.tolist() for name, column in found.items()
        }
        assert [each.tolist() for each in rest] == [each.tolist() for each in found_rest]


@pytest.mark.parametrize("batch_size", [16, 50, 300])
def test_batches_of_the_canonical_layout_contain_the_written_rows(tmp_path: Path, batch_size: int) -> None:
    words = [f"{'word' * (row % 9)}{row}" for row in range(200)]
    rows = {"word": words, "number": np.arange(200, dtype=np.float32), "count": (1 << np.arange(200) % 40) - 1}
    features = [Feature("word", "string"), Feature("number", "float32"), Feature("count", "int64")]
    write_tfrecords(rows, str(tmp_path / "x"), features, shard_mib=0.01)
    found = list(open_dataset(str(tmp_path / "x")).as_tf(batch_size).as_numpy_iterator())
    assert [len(batch["word"]) for batch in found] == [min(batch_size, 200 - at) for at in range(0, 200, batch_size)]
    assert [word.decode() for batch in found for word in batch["word"]] == words
    assert np.concatenate([batch["number"] for batch in found]).tolist() == rows["number"].tolist()
    assert np.concatenate([batch["count"] for batch in found]).tolist() == rows["count"].tolist()


def test_a_packed_batch_of_one_tensor_is_a_tuple(tmp_path: Path) -> None:
    write_tfrecords({"x": np.float32([1, 2, 3])}, str(tmp_path / "x"), [Feature("x", "float32")])
    dataset = open_dataset(str(tmp_path / "x"))
    (batch,) = dataset.as_tf(3, packed=True)
    assert [tensor.numpy().tolist() for tensor in batch] == [[[1, 2, 3]]]
    assert dataset.unpack(*batch)["x"].numpy().tolist() == [1, 2, 3]


@pytest.mark.parametrize(("rows", "world_size"), [(1, 1), (1, 4), (3, 4)])
def test_fewer_rows_than_a_batch_or_than_workers(tmp_path: Path, rows: int, world_size: int) -> None:
    write_dataset(tmp_path, rows)
    seen = [
        count
        for rank in range(world_size)
        for features, _, weights in _batches(tmp_path, world_size=world_size, rank=rank, pad_last=True)
        for count in features["count"][weights > 0].tolist()
    ]
    assert sorted(seen) == list(range(rows))


def test_an_empty_split_has_no_batches(tmp_path: Path) -> None:
    write_dataset(tmp_path, 0)
    assert _batches(tmp_path, seed=1) == []
    assert open_dataset(str(tmp_path)).as_numpy("train")["picture"].shape == (0, 3, 2)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"batch_size": 0}, ["batch_size", 0]),
        ({"rank": 1}, ["rank 1", 1]),
        ({"rank": -1}, ["rank -1", 1]),
        ({"world_size": 0}, ["rank 0", "world of 0"]),
        ({"start_step": -1}, ["start_step", -1]),
        ({"split": "tset"}, ["split", "tset"]),
    ],
)
def test_invalid_arguments_are_refused_before_the_first_batch(
    folder: Path, wrong: dict[str, object], named: list[str | int]
) -> None:
    with refused(what=named):
        open_dataset(str(folder)).as_tf(**{"batch_size": 8, **wrong})


def _damaged(folder: Path, change: object) -> None:
    write_dataset(folder, 20, 30)
    path = folder / "train-00001-of-00002.tfrecord"
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def test_a_truncated_shard_is_named(tmp_path: Path) -> None:
    _damaged(tmp_path, lambda content: content.pop())
    size = (tmp_path / "train-00001-of-00002.tfrecord").stat().st_size
    with refused(what=["train-00001-of-00002.tfrecord", size, size + 1], where=tmp_path):
        open_dataset(str(tmp_path)).as_numpy("train")


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write_dataset(tmp_path, 20, 30)
    (tmp_path / "train-00000-of-00002.tfrecord").unlink()
    with refused(what="train-00000-of-00002.tfrecord", where=tmp_path, remedy="dvc checkout"):
        open_dataset(str(tmp_path)).as_numpy("train")


def test_all_missing_and_truncated_shards_are_named_before_the_first_batch(tmp_path: Path) -> None:
    _damaged(tmp_path, lambda content: content.pop())
    (tmp_path / "train-00000-of-00002.tfrecord").unlink()
    size = (tmp_path / "train-00001-of-00002.tfrecord").stat().st_size
    named = ["train-00000-of-00002.tfrecord", ("train-00001-of-00002.tfrecord", size, size + 1)]
    with refused(what=named, where=tmp_path):
        open_dataset(str(tmp_path)).as_tf(8)


def test_a_flipped_bit_is_named_with_shard_and_record(tmp_path: Path) -> None:
    _damaged(tmp_path, lambda content: content.__setitem__(len(content) // 30 * 7 + 20, 255))
    with refused(what=["record", 7, "CRC"], where="train-00001-of-00002.tfrecord"):
        open_dataset(str(tmp_path)).verify()


def test_an_intact_shard_of_another_dataset_is_detected_by_its_hash(tmp_path: Path) -> None:
    write_dataset(tmp_path, 20)
    content = json.loads((tmp_path / MANIFEST_NAME).read_text())
    content["splits"]["train"]["shards"][0]["xxh128"] = "0" * 32
    (tmp_path / MANIFEST_NAME).write_text(json.dumps(content))
    with refused(what=["train-00000-of-00001.tfrecord", "hash"], where=tmp_path):
        open_dataset(str(tmp_path)).verify()


def test_an_intact_dataset_verifies(folder: Path) -> None:
    open_dataset(str(folder)).verify()
