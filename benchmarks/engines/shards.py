"""What every engine writes: shards of equal ranges of hashes within each split, in firelib's layout."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from benchmarks.engines.trips import Trips, data_files, paths_of
from firelib.config import Split
from firelib.data.split.position import HASH, split_ranges
from firelib.machine import usable_cores
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.format.fixed_layout import build_fixed_layout
from firelib.tfrecord.format.framing import FOOTER_BYTES, HEADER_BYTES, framed_bytes
from firelib.tfrecord.write.shard_writer import shard_count, write_shard

SHARD_MIB = 16
SPLIT = {"train": 0.8, "validation": 0.1, "test": 0.1}
_FEATURES = [*Trips.features, Trips.label]
_LAYOUT = build_fixed_layout(_FEATURES)
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class ShardPlan:
    """The shards of a dataset.

    Attributes:
        names: Name of each file.
        edges: uint64 [shards - 1]: the first hash of each shard but the first one.
        folder: Where the files go.
    """

    names: list[str]
    edges: npt.NDArray[np.uint64]
    folder: Path

    def find_shards(self, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """The index of each row's shard."""
        return np.searchsorted(self.edges, hashes, side="right").astype(np.int64)

    def write_sorted(self, rows: pa.Table) -> int:
        """Write all rows, which are sorted by their hash (column `HASH`), on all cores; return their number."""
        hashes = rows[HASH].to_numpy()
        ends = [*np.searchsorted(hashes, self.edges).tolist(), len(hashes)]
        parts = [rows.slice(first, stop - first) for first, stop in zip([0, *ends], ends, strict=False)]
        with ThreadPoolExecutor(usable_cores()) as threads:
            return sum(threads.map(self.write_one, range(len(parts)), parts))

    def write_one(self, index: int, rows: pa.Table) -> int:
        """Write the rows of one shard, which are sorted by their hash; return their number."""
        return write_shard(self.folder / self.names[index], to_columns(rows, _FEATURES), _LAYOUT).rows


def plan_shards(folder: Path, engine: str) -> ShardPlan:
    """The shards that an engine writes, into an empty folder.

    Args:
        folder: The benchmark's project.
        engine: Name of the engine.
    """
    target = _locate(folder, engine)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    rows = sum(pq.read_metadata(file).num_rows for file in data_files(folder, "trips"))
    names, lows = [], list[int]()
    for split, whole in split_ranges(Split(**SPLIT)).items():
        count = shard_count(round(rows * SPLIT[split]), _LAYOUT.record_bytes, SHARD_MIB * 2**20)
        names += [f"{split}-{index:05d}.tfrecord" for index in range(count)]
        lows += [part.low for part in whole.divide(count)]
    return ShardPlan(names, np.array(lows[1:], np.uint64), target)


def find_shards(folder: Path, engine: str) -> list[Path]:
    """The shards that an engine has written.

    Args:
        folder: The benchmark's project.
        engine: Name of the engine.
    """
    written = paths_of(folder).tfrecords if engine == "firelib" else _locate(folder, engine)
    return sorted(written.glob("*.tfrecord"))


def _locate(folder: Path, engine: str) -> Path:
    return folder / "shards" / engine.replace(" ", "-")


def digest(files: Sequence[Path]) -> str:
    """A hash of the records of some shards, whatever their order and the file that they are in."""
    hashes = np.sort(np.concatenate([_hash_records(file) for file in files]))
    return xxhash.xxh3_128_hexdigest(hashes.tobytes())


def _hash_records(file: Path) -> npt.NDArray[np.uint64]:
    framed = np.fromfile(file, np.uint8).reshape(-1, framed_bytes(_LAYOUT.record_bytes))
    records = framed[:, HEADER_BYTES:-FOOTER_BYTES]
    padded = np.pad(records, ((0, 0), (0, -records.shape[1] % 8)))
    hashes = np.zeros(len(padded), np.uint64)
    for word in np.ascontiguousarray(padded.view(np.uint64).T):
        hashes = (hashes ^ word) * _ODD
        hashes ^= hashes >> np.uint64(29)
    return hashes
