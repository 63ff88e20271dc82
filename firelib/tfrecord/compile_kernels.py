"""Compile the kernels once, when an environment is set up: `python -m firelib.tfrecord.compile_kernels`.

Numba caches machine code in `__pycache__` (or NUMBA_CACHE_DIR). Without the cache, the first transform and the first
training would compile the same kernels in several processes at once while the user waits.
"""

import tempfile
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.recipe import Feature
from firelib.tfrecord.read.dataset import open_dataset
from firelib.tfrecord.read.epoch_order import EpochOrder
from firelib.tfrecord.read.packing import Packing
from firelib.tfrecord.read.window_prefetch import RankBatches
from firelib.tfrecord.write.write_tfrecords import write_tfrecords

_ROWS, _BATCH = 64, 16


def compile_kernels() -> None:
    """Write and read small datasets in the fixed layout, which both bundled recipes use.

    The kernels of the canonical layout take another 25 seconds and are compiled when they are first used.
    """
    word = pa.array(["a", "bc"] * (_ROWS // 2))
    table = pa.table({"number": np.linspace(0, 1, _ROWS, dtype=np.float32), "count": np.arange(_ROWS), "word": word})
    numbers = [Feature("number", "float32"), Feature("count", "int64")]
    _round_trip(table, [*numbers, Feature("word", "string", max_length=4)])
    pixels = {"pixels": np.zeros((_ROWS, 2, 2), np.uint8)}
    _round_trip(pixels, [Feature("pixels", "uint8", shape=(2, 2))])


def _round_trip(data: Any, features: list[Feature]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_tfrecords(data, f"{folder}/data", features)
        dataset = open_dataset(f"{folder}/data")
        dataset.as_numpy("train")
        order = EpochOrder(_ROWS, _BATCH, 0, 0, manifest.split("train").block_rows)
        batches = RankBatches(dataset._store("train"), order, rank=0, world_size=1)
        Packing(manifest.columns).pack(batches, 0, 2, _BATCH)


if __name__ == "__main__":
    compile_kernels()
