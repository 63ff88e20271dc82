"""Windows of rows that are read in advance."""

from pathlib import Path

import numpy as np

from firelib.tfrecord.read.epoch_order import EpochOrder
from firelib.tfrecord.read.fixed_store import FixedStore
from firelib.tfrecord.read.shards.shard_files import ShardFiles
from firelib.tfrecord.read.window_prefetch import RankBatches
from tests.errors import refused
from tests.tfrecord.small import write_dataset


def test_a_window_that_could_not_be_read_is_read_again(tmp_path: Path) -> None:
    """Storage that does not respond may respond later: its error is not kept."""
    manifest = write_dataset(tmp_path, 40)
    (shard,) = manifest.splits["train"].shards
    assert manifest.layout
    store = FixedStore(ShardFiles(str(tmp_path), [shard], False, manifest.record_bytes), manifest.layout)
    batches = RankBatches(store, EpochOrder(40, 8), rank=0, world_size=1)
    away = (tmp_path / shard.name).rename(tmp_path / "away")
    with refused(what=shard.name, where=tmp_path):
        batches.load(0, 1)
    away.rename(tmp_path / shard.name)
    loaded, index = batches.load(0, 1)
    assert loaded.decode(index, {})["count"].tolist() == np.arange(8).tolist()
