"""Shards that were swapped on disk are intact, and of the right size: only their hashes show it."""

from pathlib import Path
from typing import Any

import pytest

from firelib import open_dataset, write_tfrecords
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.read.shards.hash_check import HashCheck
from tests.errors import refused
from tests.tfrecord.small import FEATURES, LABEL, TEXT_FEATURES, columns, text_table, write_dataset

ROWS = 400


def swap(folder: Path, one: str, other: str) -> None:
    (folder / one).rename(folder / "third")
    (folder / other).rename(folder / one)
    (folder / "third").rename(folder / other)


@pytest.fixture
def swapped(tmp_path: Path) -> Path:
    """The second and the third of three shards of equal size, swapped."""
    write_dataset(tmp_path, ROWS, ROWS, ROWS)
    swap(tmp_path, "train-00001-of-00003.tfrecord", "train-00002-of-00003.tfrecord")
    return tmp_path


def read_epoch(folder: Path, **options: Any) -> None:
    """Read all batches without TensorFlow's wrapping of errors."""
    from firelib.tfrecord.read.epoch_order import EpochOrder
    from firelib.tfrecord.read.window_prefetch import RankBatches

    dataset = open_dataset(str(folder))
    world_size = options.get("world_size", 1)
    for rank in range(world_size):
        order = EpochOrder(dataset.rows("train"), 64, 1, 0, dataset.manifest.split("train").block_rows)
        check = dataset._hash_check("train", rank, world_size)
        batches = RankBatches(dataset._store("train"), order, rank, world_size, check)
        for step in range(order.steps):
            batches.load(step, step + 1)


@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_swapped_shards_are_noticed_within_an_epoch(swapped: Path, world_size: int) -> None:
    with refused(what=["hash", "shard"], where=swapped) as caught:
        read_epoch(swapped, world_size=world_size)
    assert "train-00000-of-00003" not in caught.value.what


def test_swapped_shards_are_noticed_by_tensorflow(swapped: Path) -> None:
    import tensorflow as tf

    with pytest.raises(tf.errors.OpError, match="hash differs"):
        list(open_dataset(str(swapped)).as_tf(64, seed=1))


@pytest.mark.parametrize("method", ["as_numpy", "as_arrow"])
def test_swapped_shards_are_noticed_when_a_split_is_read(swapped: Path, method: str) -> None:
    with refused(what=["train-00001-of-00003.tfrecord", "hash"], where=swapped):
        getattr(open_dataset(str(swapped)), method)("train")


@pytest.mark.parametrize("compression", [None, "gzip"])
@pytest.mark.parametrize("fixed", [False, True])
def test_a_shard_of_another_dataset_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fixed: bool, compression: Any
) -> None:
    monkeypatch.setenv("FIRELIB_CACHE", str(tmp_path / "cache"))
    features: Any = FEATURES if fixed else TEXT_FEATURES
    data: Any = {"train": columns(9), "test": columns(9, start=100)}
    if not fixed:
        data = {"train": text_table(9), "test": text_table(9).take(list(range(8, -1, -1)))}
    folder = tmp_path / "d"
    manifest = write_tfrecords(data, str(folder), features, label=LABEL, compression=compression)
    train, test = (manifest.split(name).shards[0] for name in ("train", "test"))
    swap(folder, train.name, test.name)
    if not fixed:
        swap(folder, f"{train.name}.index", f"{test.name}.index")
    with refused(where=folder):
        open_dataset(str(folder)).as_numpy("train")


def test_a_sample_hashes_only_its_share(swapped: Path) -> None:
    check = HashCheck(str(swapped), open_dataset(str(swapped)).manifest.split("train").shards)
    check.advance(0.3)
    check.advance(0.1)
    assert check._hashed <= 0.3 * check._total + (1 << 20)


def test_each_shard_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_dataset(tmp_path, ROWS, 0, ROWS)
    hashed: list[str] = []
    finish = HashCheck._finish_shard

    def record(check: HashCheck, shard: Shard) -> None:
        hashed.append(shard.name)
        finish(check, shard)

    monkeypatch.setattr(HashCheck, "_finish_shard", record)
    dataset = open_dataset(str(tmp_path))
    for _ in range(2):
        dataset.as_numpy("train")
    assert hashed == [shard.name for shard in dataset.manifest.split("train").shards if shard.rows]


def test_a_mismatch_is_raised_again(swapped: Path) -> None:
    dataset = open_dataset(str(swapped))
    for _ in range(2):
        with refused(what="hash"):
            dataset.as_numpy("train")
